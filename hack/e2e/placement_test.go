package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// shared are the flags of a builder that a team shares, with the objects of the cluster that they name.
func (u *user) shared() []string {
	u.t.Helper()
	if !theWorld(u.t).own {
		u.t.Skip("classes of the whole cluster are made on the project's own")
	}
	u.kubectlIn("", []byte(fmt.Sprintf(`
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
value: 5
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: %[1]s, ownerReferences: [%[2]s]}
handler: runc
`, u.namespace, u.ownerReference())), "apply", "-f", "-").ok()
	affinity, patch := filepath.Join(u.home, "affinity.yaml"), filepath.Join(u.home, "patch.yaml")
	write(u.t, affinity, "nodeAffinity:\n  requiredDuringSchedulingIgnoredDuringExecution:\n    nodeSelectorTerms:\n"+
		"    - matchExpressions: [{key: kubernetes.io/hostname, operator: Exists}]\n")
	write(u.t, patch, "kind: Pod\nspec:\n  hostAliases: [{ip: 192.0.2.1, hostnames: [patched.example]}]\n---\n"+
		"kind: StatefulSet\nspec: {minReadySeconds: 1}\n---\nkind: Role\nmetadata: {labels: {patched: \"yes\"}}\n")
	return append(u.registryFlags(), "--replicas", "2", "--max-builds", "4", "--pod-disruption-budget", "1", "--priority-class", u.namespace,
		"--runtime-class", u.namespace, "--scheduler", "default-scheduler", "--affinity", affinity, "--patch", patch, "--request", "cpu=10m", "--limit", "cpu=3",
		"--topology-spread", "kubernetes.io/hostname=2:DoNotSchedule", "--topology-spread", "kubernetes.io/os")
}

// What kubectl applies of a dry run is a builder that is found, used, and left as it is; all that a team says of it is in
// its objects, and goes with it.
func TestBuilderOfATeam(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	yaml := u.buildkit(append([]string{"install", "--dry-run=client", "-o", "yaml"}, u.shared()...)...).ok().stdout
	u.kubectlIn("", []byte(yaml), "apply", "-f", "-").ok()
	if text := u.buildkit("install").ok().stdout; !strings.Contains(text, "unchanged") {
		t.Errorf("after kubectl apply, install says: %s", text)
	}
	image := need(t, "E2E_REGISTRY") + "/" + u.namespace + "/app:1"
	u.buildkit("build", "-t", image, "--push", "--provenance", "mode=max", "--metadata-file", u.home+"/metadata",
		dockerfile(t, "FROM "+need(t, "E2E_BASE_IMAGE"), "RUN grep patched.example /etc/hosts || true")).ok()
	said := struct {
		Provenance json.RawMessage `json:"buildx.build.provenance"`
	}{}
	if err := json.Unmarshal([]byte(read(t, u.home+"/metadata")), &said); err != nil || !strings.Contains(strings.Join(strings.Fields(string(said.Provenance)), ""), `"kubernetes":{"builder":"buildkitd","namespace":"`+u.namespace+`"}`) {
		t.Errorf("the provenance does not say where it was built: %s (%v)", said.Provenance, err)
	}
	for query, want := range map[string]string{
		"statefulset/buildkitd {.spec.minReadySeconds}":                             "1",
		"pod/buildkitd-1 {.spec.priority}":                                          "5",
		"pod/buildkitd-1 {.spec.runtimeClassName}":                                  u.namespace,
		"pod/buildkitd-1 {.spec.hostAliases[0].ip}":                                 "192.0.2.1",
		"pod/buildkitd-1 {.spec.topologySpreadConstraints[*].topologyKey}":          "kubernetes.io/hostname kubernetes.io/os",
		"role/buildkitd-user {.metadata.labels.patched}":                            "yes",
		"poddisruptionbudget/buildkitd {.status.disruptionsAllowed}":                "1",
		"poddisruptionbudget/buildkitd {.spec.maxUnavailable}":                      "1",
		`pod/buildkitd-1 {.spec.containers[0].args[?(@=="--oci-max-parallelism")]}`: "--oci-max-parallelism",
	} {
		object, path, _ := strings.Cut(query, " ")
		u.eventually(query, func() bool { return u.kubectl("get", object, "-o", "jsonpath="+path).ok().stdout == want })
	}
	u.changesPlacement()
}

// changesPlacement changes settings that no member is restarted for, refuses others, and takes all back.
func (u *user) changesPlacement() {
	u.t.Helper()
	before := u.podUID("buildkitd-0")
	u.buildkit("install", "--pod-disruption-budget", "50%", "--max-builds", "2").ok().says("+ pod-disruption-budget: 50%")
	if got := u.kubectl("get", "pdb", "buildkitd", "-o", "jsonpath={.spec.maxUnavailable}").ok().stdout; got != "50%" || u.podUID("buildkitd-0") != before {
		u.t.Errorf("the budget allows %s", got)
	}
	bad := filepath.Join(u.home, "bad.yaml")
	write(u.t, bad, "kind: Pod\nspec: {containers: [{name: buildkitd, args: [--addr, tcp://0.0.0.0:1234]}]}\n")
	u.buildkit("install", "--patch", bad, "--yes").exits(2).says(bad, "spec.containers[buildkitd].args", "install decides")
	u.buildkit("install", "--priority-class", "none-such", "--yes").exits(4).says("none-such", "kubectl get priorityclasses")
	u.buildkit("install", "--runtime-class", "none-such", "--yes").exits(4).says("none-such", "kubectl get runtimeclasses")
	if u.podUID("buildkitd-0") != before {
		u.t.Error("a member was replaced")
	}
	u.buildkit("install", "--unset", "pod-disruption-budget", "--unset", "max-builds").ok().says("- pod-disruption-budget: 50%", "PodDisruptionBudget/buildkitd removed")
	u.buildkit("install", "--unset", "patch", "--unset", "affinity", "--unset", "topology-spread=kubernetes.io/os", "--yes").ok().says("- patch: 9 lines")
	if got := u.kubectl("get", "pod", "buildkitd-1", "-o", "jsonpath={.spec.hostAliases}{.spec.affinity}").ok().stdout; got != "" || u.podUID("buildkitd-0") == before {
		u.t.Errorf("taken back, there is still %s", got)
	}
	u.buildkit("uninstall").ok()
	u.leavesNothing()
}
