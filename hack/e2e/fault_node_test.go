//go:build faults

package e2e_test

import "time"

// lostNode has the builder of one fault alone: hack/e2e/faults lets no other Pod onto it. All others are on the other.
const lostNode, others = "node-2", "node-1"

// nodeFaults take away what runs the builder's Pod, for a moment or for good. The Pod lives on, the link to it does not.
func nodeFaults() []fault {
	return []fault{
		{"kubelet restarted during RUN", alone, func(s *scene) string { return s.restarts("node-1-kubelet", 3*time.Second) }},
		// The kubelet itself takes seconds to close the way to a containerd that is dead: kubectl port-forward learns no sooner.
		{"containerd restarted during RUN", alone, func(s *scene) string { return s.restarts("node-1-containerd", 15*time.Second) }},
		{"node lost during RUN", waits, func(s *scene) string {
			on := func(node string) []string { return []string{"--node-selector", "kubernetes.io/hostname=" + node} }
			s.plain(append(on(lostNode), "--toleration", "node.kubernetes.io/unschedulable")...)
			s.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok() // a lost node makes this untrue
			// The cluster gives a node 50 s to report before it takes it for lost.
			r, _, _ := s.pushesStep("--retry-timeout", "100s")
			defer s.comesBack(lostNode)
			component(s.t, "kill", lostNode+"-kubelet", lostNode+"-containerd")
			s.told(r, time.Now(), 15*time.Second)
			s.end(r, 3)
			s.explains(r, `node "`+lostNode+`" is not ready, or does not report any more`, "install buildkitd", "--force")
			s.buildkit(append([]string{"install"}, append(on(others), "--yes")...)...).exits(3).says(lostNode, "--force").within(30 * time.Second)
			s.builder(append(on(others), "--force", "--yes")...)
			return "explained (exit 3), then installed on another node"
		}},
	}
}

func (s *scene) restarts(name string, told time.Duration) string {
	s.t.Helper()
	s.plain()
	r, step, tag := s.pushesStep()
	uid := s.podUID("buildkitd")
	component(s.t, "kill", name)
	fault := time.Now()
	s.told(r, fault, told)
	component(s.t, "restart", name)
	step.letGo()
	s.pushed(r, tag)
	if again := s.podUID("buildkitd"); again != uid {
		s.t.Error("the Pod is another one: the fault was more than a restart")
	}
	return step.ran()
}

// comesBack ends the loss of a node. A kubelet that is faster than its containerd ends, and is started again as an init
// system would.
func (s *scene) comesBack(node string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		component(s.t, "restart", node+"-containerd", node+"-kubelet")
		ready := s.kubectl("wait", "node/"+node, "--for=condition=Ready", "--timeout=3s")
		if ready.code == 0 {
			return
		}
		if time.Now().After(deadline) {
			ready.ok()
		}
	}
}
