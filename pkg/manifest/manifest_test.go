package manifest_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

var update = flag.Bool("update", false, "write the golden files")

// certificates are fixed, so that the same Spec gives the same bytes.
func certificates() *trust.Certificates {
	return &trust.Certificates{
		CA:     []byte("the CA\n"),
		Server: trust.Pair{Certificate: []byte("the server's certificate\n"), Key: []byte("the server's key\n")},
		Client: trust.Pair{Certificate: []byte("the client's certificate\n"), Key: []byte("the client's key\n")},
	}
}

func make1(t testing.TB, change func(*builder.Spec)) *manifest.Builder {
	t.Helper()
	spec := builder.Spec{Namespace: "team"}
	change(&spec)
	objects, err := manifest.New(spec, certificates())
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func everything(spec *builder.Spec) {
	spec.Config = []byte("[log]\n  format = \"json\"\n")
	spec.Mirrors = map[string][]string{"docker.io": {"mirror.local:5000"}}
	spec.InsecureRegistries = []string{"mirror.local:5000"}
	spec.RegistryCA = []byte("the registry's CA\n")
	spec.Requests = resources("cpu=500m,memory=1Gi,ephemeral-storage=10Gi")
	spec.Limits = resources("memory=4Gi,ephemeral-storage=20Gi")
	spec.NodeSelector = map[string]string{"disk": "ssd"}
	spec.Tolerations = []corev1.Toleration{{Key: "builds", Operator: "Exists", Effect: "NoSchedule"}}
	spec.ImagePullSecrets = []string{"registry"}
	spec.ServiceAccount = "builder"
	spec.Labels = map[string]string{"team": "platform"}
	spec.Annotations = map[string]string{"contact": "platform@example.com"}
	spec.Env = []corev1.EnvVar{{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}}
	spec.GracePeriod = 10 * time.Minute
}

func resources(text string) corev1.ResourceList {
	list, err := builder.ParseResources("request", text)
	if err != nil {
		panic(err)
	}
	return list
}

func TestGolden(t *testing.T) {
	storage := resource.MustParse("50Gi")
	shapes := map[string]func(*builder.Spec){
		"default":  func(*builder.Spec) {},
		"rootless": func(s *builder.Spec) { s.Mode = builder.ModeRootless },
		"userns": func(s *builder.Spec) {
			s.Mode, s.Requests, s.Limits = builder.ModeUserNS, resources("cpu=1"), resources("memory=1Gi")
			s.StepNetwork = builder.StepNetworkBridge
		},
		"everything": everything,
		"replicas":   func(s *builder.Spec) { s.Name, s.Replicas = "many", 3 },
		"placement": func(s *builder.Spec) {
			s.Replicas, s.PriorityClass, s.RuntimeClass, s.Scheduler, s.DisruptionBudget = 2, "builds", "kata", "packing", "25%"
			s.Affinity = []byte("nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: disk, operator: Exists}]}}]}")
			s.TopologySpread = []corev1.TopologySpreadConstraint{{TopologyKey: "topology.kubernetes.io/zone", MaxSkew: 2, WhenUnsatisfiable: corev1.DoNotSchedule}}
		},
		"storage": func(s *builder.Spec) { s.Storage, s.StorageClass, s.Mode = &storage, "fast", builder.ModeRootless },
		"platforms": func(s *builder.Spec) {
			s.Name, s.Platforms, s.Emulate = "ci", []string{"linux/amd64", "linux/386", "linux/arm64", "linux/riscv64"}, []string{"linux/arm64", "linux/riscv64"}
		},
		"metrics": func(s *builder.Spec) { s.Metrics = true },
	}
	for name, change := range shapes {
		t.Run(name, func(t *testing.T) {
			got, err := manifest.YAML(make1(t, change).All())
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".yaml")
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s differs from what is made now; look at it, then run with -update:\n%s", path, got)
			}
		})
	}
}

// The direct predecessor wrote a request for ephemeral storage into the limits.
func TestResourcesLandWhereTheyBelong(t *testing.T) {
	pod := make1(t, everything).Pod
	got := pod.Spec.Containers[0].Resources
	if quantity := got.Requests[corev1.ResourceEphemeralStorage]; quantity.String() != "10Gi" {
		t.Errorf("requests: %v", got.Requests)
	}
	if quantity := got.Limits[corev1.ResourceEphemeralStorage]; quantity.String() != "20Gi" {
		t.Errorf("limits: %v", got.Limits)
	}
	if _, limited := got.Limits[corev1.ResourceCPU]; limited {
		t.Errorf("limits: %v", got.Limits)
	}
}

func TestTheHashFollowsWhatAMemberIsStartedWith(t *testing.T) {
	hash := func(change func(*builder.Spec)) string {
		return make1(t, change).Pod.Annotations[builder.AnnotationSpec]
	}
	base := hash(func(*builder.Spec) {})
	if base != hash(func(*builder.Spec) {}) {
		t.Error("the same Spec gives two hashes")
	}
	for name, change := range map[string]func(*builder.Spec){
		"image":         func(s *builder.Spec) { s.Image = "other" },
		"configuration": func(s *builder.Spec) { s.Config = []byte("[log]\n") },
		"registry CA":   func(s *builder.Spec) { s.RegistryCA = []byte("x") },
		"limits":        func(s *builder.Spec) { s.Limits = resources("memory=1Gi") },
		"env":           func(s *builder.Spec) { s.Env = []corev1.EnvVar{{Name: "A", Value: "b"}} },
		"rootless":      func(s *builder.Spec) { s.Mode = builder.ModeRootless },
		"metrics":       func(s *builder.Spec) { s.Metrics = true },
	} {
		if hash(change) == base {
			t.Errorf("%s: the hash stays", name)
		}
	}
	// The limit of builds is kept by the clients: members that run need not know it.
	if hash(func(s *builder.Spec) { s.MaxBuilds = 4 }) != base {
		t.Error("the limit of builds: the hash changes, and a cache would go")
	}
	renewed := certificates()
	renewed.Server.Certificate = []byte("a new one")
	objects, err := manifest.New(builder.Spec{Namespace: "team"}.WithDefaults(), renewed)
	if err != nil {
		t.Fatal(err)
	}
	if objects.Pod.Annotations[builder.AnnotationSpec] == base {
		t.Error("certificates: the hash stays, and the daemon would keep the old ones")
	}
}

func TestConnectionDocument(t *testing.T) {
	objects := make1(t, func(s *builder.Spec) {
		s.Name, s.Replicas, s.MaxBuilds, s.RegistryCA = "many", 2, 4, []byte("the registry's CA\n")
		s.InsecureRegistries, s.Platforms = []string{"flag.local"}, []string{"linux/amd64", "linux/arm64"}
		s.Config = []byte("[registry.\"plain.local\"]\n  HTTP = true\n[registry.\"any.local\"]\n  insecure = true\n[registry.\"ok.local\"]\n  http = false\n")
	})
	connection, err := manifest.ReadConnection(objects.Client)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(connection.Members, []string{"many-0", "many-1"}) || connection.Mode != builder.ModePrivileged ||
		string(connection.Client.Key) != "the client's key\n" || string(connection.RegistryCA) != "the registry's CA\n" || connection.MaxBuilds != 4 {
		t.Errorf("got %+v", connection)
	}
	if want := []string{"flag.local", "any.local", "plain.local"}; !slices.Equal(connection.InsecureRegistries, want) {
		t.Errorf("without verified TLS: %v; want %v", connection.InsecureRegistries, want)
	}
	if want := []builder.Native{{Platform: "linux/amd64", Builder: "many"}, {Platform: "linux/arm64", Builder: "many-arm64"}}; !slices.Equal(connection.Platforms, want) {
		t.Errorf("builds for %+v; want %+v", connection.Platforms, want)
	}
	hostile := objects.Client.DeepCopy()
	hostile.Data["connection.json"] = []byte(`{"version": 1, "platforms": [{"platform": "linux/arm64", "builder": "others"}]}`)
	if _, err := manifest.ReadConnection(hostile); err == nil || !strings.Contains(err.Error(), "not of the family") {
		t.Errorf("a builder of another family: %v", err)
	}
	newer := objects.Client.DeepCopy()
	newer.Data["connection.json"] = []byte(`{"version": 99}`)
	if _, err := manifest.ReadConnection(newer); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("a newer document: %v", err)
	}
	if _, err := manifest.ReadConnection(&corev1.Secret{}); err == nil {
		t.Error("an empty Secret is not a document")
	}
}

// What lets a user build must not let them do anything else: no rule without the names of its
// objects, no exec, and none of the server's keys.
func TestWhoMayBuildMayNothingElse(t *testing.T) {
	objects := make1(t, func(s *builder.Spec) { s.Replicas = 2 })
	var role *rbacv1.Role
	for _, object := range objects.Support {
		if found, ok := object.(*rbacv1.Role); ok {
			role = found
		}
	}
	for _, rule := range role.Rules {
		if len(rule.ResourceNames) == 0 || slices.Contains(rule.Verbs, "*") || slices.Contains(rule.Resources, "pods/exec") {
			t.Errorf("too much: %v", rule)
		}
	}
	for key, value := range objects.Client.Data {
		if strings.Contains(string(value), "server") {
			t.Errorf("the client's Secret has the server's %s", key)
		}
	}
	for _, volume := range objects.Pod.Spec.Volumes {
		if volume.Secret != nil && slices.ContainsFunc(volume.Secret.Items, func(item corev1.KeyToPath) bool {
			return strings.HasPrefix(item.Key, "client")
		}) {
			t.Errorf("the Pod mounts the client's pair: %v", volume.Secret.Items)
		}
	}
}

func TestPodRules(t *testing.T) {
	for name, change := range map[string]func(*builder.Spec){
		"privileged": func(*builder.Spec) {}, "rootless": func(s *builder.Spec) { s.Mode = builder.ModeRootless },
		"userns": func(s *builder.Spec) { s.Mode = builder.ModeUserNS },
	} {
		t.Run(name, func(t *testing.T) {
			pod := make1(t, change).Pod
			mapped := pod.Spec.HostUsers != nil && !*pod.Spec.HostUsers
			if mode := pod.Annotations[builder.AnnotationMode]; mode != name || mapped != (name == "userns") || len(pod.Spec.InitContainers) > 0 != mapped {
				t.Errorf("mode %s, mapped %t, %d containers come first", mode, mapped, len(pod.Spec.InitContainers))
			}
			container := pod.Spec.Containers[0]
			switch {
			case container.Command != nil:
				t.Error("a command replaces the image's entrypoint")
			case container.LivenessProbe != nil:
				t.Error("a liveness probe kills busy daemons")
			case container.StartupProbe.TimeoutSeconds < 10 || container.ReadinessProbe.TimeoutSeconds < 10:
				t.Error("a probe is impatient")
			case *pod.Spec.AutomountServiceAccountToken:
				t.Error("the daemon gets a token")
			case !slices.Contains(container.Args, "tcp://127.0.0.1:1234"):
				t.Errorf("listens at %v", container.Args)
			}
			rootless := name == "rootless"
			if privileged := container.SecurityContext.Privileged; (privileged != nil && *privileged) == rootless {
				t.Errorf("security context: %+v", container.SecurityContext)
			}
			if escalation := container.SecurityContext.AllowPrivilegeEscalation; escalation != nil && !*escalation {
				t.Error("newuidmap needs to escalate")
			}
			if slices.Contains(container.Args, "--oci-worker-no-process-sandbox") != rootless {
				t.Errorf("arguments: %v", container.Args)
			}
		})
	}
}

func TestTheSpecIsNotTouched(t *testing.T) {
	spec := builder.Spec{Namespace: "team"}
	everything(&spec)
	spec.Env = slices.Grow(spec.Env, 10)
	if _, err := manifest.New(spec, certificates()); err != nil {
		t.Fatal(err)
	}
	if len(spec.NodeSelector) != 1 || len(spec.Labels) != 1 || len(spec.Annotations) != 1 || spec.Env[:2][1].Name != "" {
		t.Errorf("the Spec has changed: %+v", spec)
	}
}

func TestStatefulMembers(t *testing.T) {
	storage := resource.MustParse("50Gi")
	objects := make1(t, func(s *builder.Spec) { s.Storage = &storage })
	set, ok := objects.Workload.(*appsv1.StatefulSet)
	if !ok {
		t.Fatalf("the workload is a %T", objects.Workload)
	}
	template := set.Spec.Template
	if template.Annotations[builder.AnnotationSpec] == "" || len(set.Spec.VolumeClaimTemplates) != 1 {
		t.Errorf("template: %+v", template.ObjectMeta)
	}
	if template.Spec.Volumes[len(template.Spec.Volumes)-1].EmptyDir != nil {
		t.Error("the cache is on the node's disk although there is a volume")
	}
	if objects.Pod.Name != "buildkitd-0" {
		t.Errorf("the preflight asks about %q", objects.Pod.Name)
	}
}
