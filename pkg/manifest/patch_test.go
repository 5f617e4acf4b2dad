package manifest_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// patched is how builders are made in these tests: a Pod alone, or a set with everything.
func patched(stateful bool, patch string) builder.Spec {
	spec := builder.Spec{Name: "team", Namespace: "ns", Patch: []byte(patch)}
	if stateful {
		storage := resource.MustParse("5Gi")
		spec.Replicas, spec.Storage, spec.DisruptionBudget = 2, &storage, "1"
	}
	return spec
}

// By each of these a builder would be lost, not be trusted, or be another than its settings say.
// The fault names the field.
func TestPatchesMayNotChange(t *testing.T) {
	const container = "kind: Pod\nspec: {containers: [{name: buildkitd, "
	for patch, want := range map[string]string{
		"kind: Pod\nspec: {restartPolicy: Never}":                                                                           "spec.restartPolicy: install decides it",
		"kind: Pod\nspec: {automountServiceAccountToken: true}":                                                             "spec.automountServiceAccountToken: a daemon gets no token",
		"kind: Pod\nspec: {serviceAccountName: admin}":                                                                      "spec.serviceAccountName: --service-account sets it",
		"kind: Pod\nspec: {terminationGracePeriodSeconds: 1}":                                                               "spec.terminationGracePeriodSeconds: --grace-period",
		"kind: Pod\nspec: {nodeSelector: {kubernetes.io/os: null}}":                                                         "spec.nodeSelector[kubernetes.io/os]",
		"kind: Pod\nspec: {volumes: [{name: tls, secret: {secretName: mine}}]}":                                             "spec.volumes[tls].secret.secretName",
		"kind: Pod\nspec: {volumes: [{name: config, $patch: delete}]}":                                                      "spec.volumes[config]",
		"kind: Pod\nspec: {volumes: [{$patch: replace}]}":                                                                   "spec.volumes",
		"kind: Pod\nspec: {containers: [{name: buildkitd, $patch: delete}]}":                                                "spec.containers",
		"kind: Pod\nspec: {containers: [{name: a, image: b}], $setElementOrder/containers: [{name: a}, {name: buildkitd}]}": "the daemon's is the first",
		"kind: Pod\nspec: {$patch: replace, containers: [{name: a}]}":                                                       "spec.automountServiceAccountToken",
		"$patch: replace\nkind: Pod\nspec: {containers: [{name: a}]}":                                                       "",
		"kind: Pod\nspec: {hostNetwrk: true}":                                                                               `unknown field "spec.hostNetwrk"`,
		"kind: Pod\nspec: {hostNetwork: yes please}":                                                                        "cannot unmarshal string",
		"kind: Pod\nspec: {volumes: {a: b}}":                                                                                "",
		"kind: Pod\nstatus: {phase: Running}":                                                                               "status: the cluster writes it",
		"kind: Pod\nmetadata: {namespace: other}":                                                                           "metadata.namespace: install decides it",
		"kind: Pod\nmetadata: {finalizers: [a/b]}":                                                                          "metadata.finalizers: install decides it",
		"kind: Pod\nmetadata: {ownerReferences: [{uid: a, name: b, kind: c, apiVersion: v1}]}":                              "metadata.ownerReferences",
		"kind: Pod\nmetadata: {labels: {app.kubernetes.io/instance: other}}":                                                "metadata.labels[app.kubernetes.io/instance]: install finds",
		"kind: Pod\nmetadata: {labels: null}":                                                                               "metadata.labels[app.kubernetes.io/instance]",
		"kind: Pod\nmetadata: {annotations: {kubectl-buildkit.github.io/spec: x}}":                                          "metadata.annotations[kubectl-buildkit.github.io/spec]",
		"kind: Pod\nmetadata: {annotations: {kubectl-buildkit.github.io/mode: null}}":                                       "metadata.annotations[kubectl-buildkit.github.io/mode]",
		container + "image: mine}]}":                                                                                        daemon + ".image: --image sets it",
		container + "command: [sh]}]}":                                                                                      daemon + ".command: the image's entrypoint",
		container + "args: [--debug]}]}":                                                                                    daemon + ".args: install decides how",
		container + "args: null}]}":                                                                                         daemon + ".args: install decides how",
		container + "lifecycle: null}]}":                                                                                    daemon + ".lifecycle",
		container + "securityContext: {privileged: false}}]}":                                                               daemon + ".securityContext.privileged: --mode",
		container + "securityContext: {runAsUser: 0}}]}":                                                                    daemon + ".securityContext.runAsUser: --mode",
		container + "volumeMounts: [{mountPath: /etc/kubectl-buildkit/tls, name: cache}]}]}":                                daemon + ".volumeMounts[/etc/kubectl-buildkit/tls].name",
		container + "volumeMounts: [{mountPath: /etc/kubectl-buildkit/tls/ca.crt, name: cache}]}]}":                         "the daemon's own files are there",
		container + "volumeMounts: [{mountPath: /etc/, name: cache}]}]}":                                                    "the daemon's own files are there",
		container + "volumeMounts: [{mountPath: /var/lib/buildkit/../buildkit, name: config}]}]}":                           "the daemon's own files are there",
		"kind: Secret\nmetadata: {name: team-client}\ndata: {ca.crt: eA==}":                                                 "data[ca.crt]: the certificates",
		"kind: Secret\nmetadata: {name: team-server}\ndata: {more: eA==}":                                                   "data.more: the certificates",
		"kind: Secret\nmetadata: {name: team-server}\nstringData: {tls.key: x}":                                             "stringData[tls.key]: the cert",
		"kind: Secret\nmetadata: {name: team-server}\ntype: Opaque":                                                         "type: the certificates",
		"kind: Secret\nmetadata: {labels: {a: b}}":                                                                          "there are two of them",
		"kind: Secret\nmetadata: {name: other, labels: {a: b}}":                                                             "no such object",
		"kind: ConfigMap\ndata: {buildkitd.toml: ''}":                                                                       "data[buildkitd.toml]: --config",
		"kind: ConfigMap\ndata: {settings.json: '{}'}":                                                                      "data[settings.json]: --config",
		"kind: ConfigMap\nimmutable: true":                                                                                  "immutable: --config",
		"kind: Role\nrules: []":                                                                                             "rules: those that a build needs are missing",
		"kind: Role\nrules: [{apiGroups: [''], resources: [pods], verbs: [get]}]":                                           "rules: those that a build needs are missing",
	} {
		refusedPatch(t, patched(false, patch), want)
	}
	for patch, want := range map[string]string{
		"kind: StatefulSet\nspec: {replicas: 5}":                                                 "spec.replicas: install decides it",
		"kind: StatefulSet\nspec: {serviceName: other}":                                          "spec.serviceName",
		"kind: StatefulSet\nspec: {selector: {matchLabels: {a: b}}}":                             "spec.selector.matchLabels.a",
		"kind: StatefulSet\nspec: {volumeClaimTemplates: []}":                                    "spec.volumeClaimTemplates",
		"kind: StatefulSet\nspec: {updateStrategy: {type: OnDelete}}":                            "spec.updateStrategy.type",
		"kind: StatefulSet\nspec: {ordinals: {start: 5}}":                                        "spec.ordinals.start",
		"kind: StatefulSet\nspec: {persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete}}": "spec.persistentVolumeClaimRetentionPolicy",
		"kind: StatefulSet\nspec: {template: {spec: {restartPolicy: OnFailure}}}":                "spec.template.spec.restartPolicy: install decides it",
		"kind: StatefulSet\nspec: {template: {metadata: {labels: {app.kubernetes.io/name: x}}}}": "spec.template.metadata.labels[app.kubernetes.io/name]",
		"kind: StatefulSet\nspec: {template: {spec: {volumes: [{name: cache, emptyDir: {}}]}}}":  "spec.template.spec.volumes[cache]",
		"kind: PodDisruptionBudget\nspec: {selector: null}":                                      "spec.selector",
		"kind: PodDisruptionBudget\nmetadata: {labels: {app.kubernetes.io/managed-by: me}}":      "metadata.labels[app.kubernetes.io/managed-by]",
	} {
		refusedPatch(t, patched(true, patch), want)
	}
	refusedPatch(t, patched(false, "kind: StatefulSet\nspec: {minReadySeconds: 5}"), "no such object; it has: Pod/team, Secret/team-server")
	refusedPatch(t, patched(false, "kind: PodDisruptionBudget\nspec: {minAvailable: 1}"), "no such object")
	rootless := patched(false, "kind: Pod\nspec: {initContainers: [{name: a, image: b, securityContext: {privileged: true}}]}")
	rootless.Mode = builder.ModeRootless
	refusedPatch(t, rootless, "spec.containers[a].securityContext.privileged: the builder runs without privileges")
	for patch, want := range map[string]string{
		"kind: Pod\nspec: {hostUsers: true}":                                                       "spec.hostUsers: --mode",
		"kind: Pod\nspec: {volumes: [{name: step-network, $patch: delete}]}":                       "spec.volumes[step-network]",
		"kind: Pod\nspec: {initContainers: [{name: step-network, image: x}]}":                      "spec.initContainers[step-network].image",
		container + "volumeMounts: [{mountPath: /etc/buildkit/cni.json, name: cache}]}]}":          "spec.containers[buildkitd].volumeMounts",
		"kind: Pod\nspec: {hostUsers: null}":                                                       "spec.hostUsers: --mode",
		"kind: Pod\nspec: {initContainers: null}":                                                  "spec.initContainers",
		"kind: Pod\nspec: {initContainers: [{name: user-namespace, $patch: delete}]}":              "spec.initContainers",
		"kind: Pod\nspec: {initContainers: [{name: user-namespace, command: [\"true\"]}]}":         "spec.initContainers[user-namespace].command: install decides",
		"kind: Pod\nspec: {containers: [{name: buildkitd, securityContext: {privileged: false}}]}": ".privileged: --mode",
	} {
		spec := patched(false, patch)
		spec.Mode, spec.StepNetwork = builder.ModeUserNS, builder.StepNetworkBridge
		refusedPatch(t, spec, want)
	}
	for _, argument := range []string{"--addr", "--addr=tcp://0.0.0.0:1", "-addr=tcp://0.0.0.0:1", "--tlscacert=/x", "--config=/x", "--root=/x", "--debugaddr=:6060", "--group=0"} {
		spec := patched(false, "")
		spec.Patch = []byte(container + "args: [" + strings.Join(append(arguments(t, spec), argument), ", ") + "]}]}")
		refusedPatch(t, spec, daemon+".args: --")
	}
}

const daemon = "spec.containers[buildkitd]"

func arguments(t *testing.T, spec builder.Spec) []string {
	t.Helper()
	objects, err := manifest.New(spec, certificates())
	if err != nil {
		t.Fatal(err)
	}
	return objects.Pod.Spec.Containers[0].Args
}

func refusedPatch(t *testing.T, spec builder.Spec, want string) {
	t.Helper()
	err := spec.Validate()
	if err == nil {
		err = manifest.Check(spec)
	}
	var invalid *usage.Error
	if !errors.As(err, &invalid) || invalid.What != builder.FieldPatch || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v; want %s", spec.Patch, err, want)
	}
}

func TestPatchesChangeTheObjects(t *testing.T) {
	pod := "kind: Pod\nspec:\n  hostUsers: false\n  containers:\n  - {name: buildkitd, readinessProbe: {periodSeconds: 60}, env: [{name: A, value: b}]}\n" +
		"  - {name: metrics, image: exporter}\n  volumes: [{name: cache, emptyDir: {medium: Memory}}]\nmetadata: {annotations: {karpenter.sh/do-not-disrupt: null}}\n"
	others := "---\nkind: Secret\nmetadata: {name: team-client, labels: {reflect: \"yes\"}}\n---\n" +
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: team-config, annotations: {a.b/c: d}}\n---\n"
	objects, err := manifest.New(patched(false, pod+others), certificates())
	if err != nil {
		t.Fatal(err)
	}
	spec := objects.Pod.Spec
	if spec.HostUsers == nil || *spec.HostUsers || len(spec.Containers) != 2 || spec.Containers[0].ReadinessProbe.PeriodSeconds != 60 ||
		spec.Containers[0].ReadinessProbe.Exec == nil || !slices.Contains(spec.Containers[0].Env, corev1.EnvVar{Name: "A", Value: "b"}) ||
		objects.Pod.Annotations["karpenter.sh/do-not-disrupt"] != "" || objects.Client.Labels["reflect"] != "yes" || objects.Server.Labels["reflect"] != "" ||
		objects.Config().GetAnnotations()["a.b/c"] != "d" {
		t.Errorf("%+v", objects.Pod)
	}
	if plain, err := manifest.New(patched(false, ""), certificates()); err != nil || plain.Pod.Annotations[builder.AnnotationSpec] == objects.Pod.Annotations[builder.AnnotationSpec] {
		t.Errorf("the hash stays, and running members would stay as they are (%v)", err)
	}
	set := pod[:strings.Index(pod, "  volumes:")] + "  topologySpreadConstraints: [{topologyKey: rack, maxSkew: 3, whenUnsatisfiable: ScheduleAnyway}]\n" + "---\nkind: StatefulSet\nspec: {minReadySeconds: 7, template: {spec: {hostname: x}}}\n---\n" +
		"kind: PodDisruptionBudget\nspec: {unhealthyPodEvictionPolicy: IfHealthyBudget}\n"
	if objects, err = manifest.New(patched(true, set), certificates()); err != nil {
		t.Fatal(err)
	}
	workload, _ := objects.Workload.(*appsv1.StatefulSet)
	template := workload.Spec.Template
	if workload.Spec.MinReadySeconds != 7 || *template.Spec.HostUsers || template.Spec.Hostname != "x" || template.Spec.TopologySpreadConstraints[0].TopologyKey != "rack" || objects.Pod.Spec.Hostname != "x" ||
		!maps.Equal(template.Annotations, objects.Pod.Annotations) || objects.Pod.Name != "team-0" {
		t.Errorf("%+v", workload.Spec)
	}
}

// What is made of it twice is the same, so that an unchanged builder is not written.
func TestPatchedObjectsHoldWhatTheyWere(t *testing.T) {
	patch := "kind: Pod\nspec: {dnsConfig: {options: [{name: ndots, value: \"1\"}]}}\n---\nkind: Role\nmetadata: {labels: {a: b}}\n"
	one, err := manifest.New(patched(true, patch), certificates())
	if err != nil {
		t.Fatal(err)
	}
	two, err := manifest.New(patched(true, patch), certificates())
	if err != nil {
		t.Fatal(err)
	}
	for n, object := range one.All() {
		if holds, err := manifest.Holds(object, two.All()[n]); !holds || err != nil {
			t.Errorf("%s: %v", object.GetName(), err)
		}
	}
}

// The patches of a family are written for the builder that has its name.
func TestPatchesFitEveryBuilderOfAFamily(t *testing.T) {
	spec := builder.Spec{
		Name: "team", Namespace: "ns", Platforms: []string{"linux/amd64", "linux/arm64"},
		Patch: []byte("kind: Secret\nmetadata: {name: team-client, labels: {a: b}}\n---\nkind: Pod\nmetadata: {labels: {c: d}}\n"),
	}
	for _, each := range append(spec.Further(), spec) {
		objects, err := manifest.New(each, certificates())
		if err != nil {
			t.Fatal(err)
		}
		if objects.Client.Labels["a"] != "b" || objects.Pod.Labels["c"] != "d" {
			t.Errorf("%s: %v %v", each.Name, objects.Client.Labels, objects.Pod.Labels)
		}
	}
}
