package e2e_test

import (
	"strings"
	"testing"
)

// In each mode but the usual one, which all other tests are of, a daemon builds and pushes, and root of a step is not
// root of the node.
func TestModes(t *testing.T) {
	for mode, daemon := range map[string]string{"rootless": "1000", "userns": "0"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			u, reg := newUser(t), openRegistry(t)
			asked := mode
			if mode == "userns" && theWorld(t).own {
				asked = "auto" // which has the least privileges
			}
			installed := u.buildkit(append([]string{"install", "--mode", asked}, u.registryFlags()...)...)
			if installed.code != 0 && !theWorld(t).own {
				t.Skipf("this cluster cannot run a builder in mode %s:\n%s", mode, installed.all())
			}
			installed.ok()
			if id := u.kubectl("exec", "buildkitd", "-c", "buildkitd", "--", "id", "-u").ok().line1(); id != daemon {
				t.Errorf("the daemon runs as user %s", id)
			}
			if list := u.buildkit("list").ok().stdout; !strings.Contains(list, " "+mode+" ") {
				t.Errorf("the list has no mode %s:\n%s", mode, list)
			}
			tag := reg.name(u) + ":" + mode
			built := u.buildkit("build", "-t", tag, "--push", dockerfile(t, "FROM BASE",
				`RUN read -r inside outside size </proc/self/uid_map && [ "$inside" = 0 ] && [ "$outside" != 0 ]`, "RUN id -u >/who", `CMD ["cat", "/who"]`)).ok()
			if !strings.HasSuffix(built.line1(), reg.digest(tag)) {
				t.Errorf("printed %q, the registry has %q", built.line1(), reg.digest(tag))
			}
			u.runsAndPrints(built.line1(), "0")
		})
	}
}

// Something on the way to the node takes hostUsers out of the Pod, as old kubelets and container runtimes do: the daemon,
// which would be root of the node, does not start, and the next step that is named works. Another mode is chosen for a
// user who leaves the choice to install, and stays.
func TestModeWithoutUserNamespace(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	if !theWorld(t).own {
		t.Skip("a policy of the whole cluster is made on the project's own")
	}
	policy := strings.NewReplacer("NAME", u.namespace, "OWNER", u.ownerReference()).Replace(`
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: NAME, ownerReferences: [OWNER]}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  matchConditions: [{name: silent, expression: '!request.dryRun || object.metadata.name == "x"'}]
  failurePolicy: Fail
  reinvocationPolicy: Never
  mutations:
  - patchType: ApplyConfiguration
    applyConfiguration: {expression: 'Object{spec: Object.spec{hostUsers: true}}'}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: NAME, ownerReferences: [OWNER]}
spec: {policyName: NAME}
`)
	u.kubectlIn("", []byte(policy), "apply", "-f", "-").ok()
	u.eventually("the policy is in force", func() bool {
		return u.kubectl("run", "x", "--image", "x", "--dry-run=server", "-o", "jsonpath={.spec.hostUsers}").stdout == "true"
	})
	failed := u.buildkit("install", "--mode", "userns").exits(3)
	failed.says("NoUserNamespace", "ignores hostUsers: false", "root of the Pod is root of the node", "removed again")
	u.does(failed)
	u.buildkit("uninstall", "--yes").ok()

	u.buildkit("install", "--mode", "auto").ok().says("mode userns: of all modes it has the least", "mode rootless: userns does not work here: NoUserNamespace")
	uid := u.podUID("buildkitd")
	u.buildkit("install", "--mode", "auto").ok().says("mode rootless: that of the builder")
	u.buildkit("install").ok()
	if id := u.kubectl("exec", "buildkitd", "--", "id", "-u").ok().line1(); id != "1000" || u.podUID("buildkitd") != uid {
		t.Errorf("the daemon of Pod %s, which was %s, runs as user %s", u.podUID("buildkitd"), uid, id)
	}
}

// With a network of its own a step reaches the registry, and neither the daemon nor a port of another step: the bridge
// passes no packet from one to another.
func TestStepNetwork(t *testing.T) {
	t.Parallel()
	u, reg := newUser(t), openRegistry(t)
	u.builder(append([]string{"--step-network", "bridge"}, u.registryFlags()...)...)
	steps := dockerfile(t, "FROM BASE",
		"RUN ! nc 127.0.0.1 1234 </dev/null && ! nc 192.0.2.1 1234 </dev/null",
		"RUN ip -4 address show eth0 | grep 'inet 192.0.2.'",
		"RUN wget -qO- http://"+reg.host+"/v2/")
	u.buildkit("build", "-o", "type=cacheonly", "--no-cache", steps).ok()
	ports := u.kubectl("exec", "buildkitd", "-c", "buildkitd", "--", "sh", "-c", "cat /sys/class/net/steps0/brif/*/isolated").ok().stdout
	if isolated := strings.Fields(ports); len(isolated) == 0 || strings.Trim(ports, "1\n") != "" {
		t.Errorf("the ports of the bridge are isolated: %q", isolated)
	}
}
