//go:build faults

package e2e_test

import "time"

// lostNode has the builder of one fault alone: hack/e2e/faults lets no other Pod onto it.
const lostNode = "node-2"

// nodeFaults take away what runs the builder's Pod, for a moment or for good. The Pod lives on, the link to it does not.
func nodeFaults() []fault {
	return []fault{
		{"kubelet restarted during RUN", alone, func(s *scene) string { return s.restarts("node-1-kubelet", 3*time.Second) }},
		// The kubelet itself takes seconds to close the way to a containerd that is dead: kubectl port-forward learns no sooner.
		{"containerd restarted during RUN", alone, func(s *scene) string { return s.restarts("node-1-containerd", 15*time.Second) }},
		{"node gone during RUN", waits, func(s *scene) string {
			s.plain("--node-selector", "kubernetes.io/hostname="+lostNode, "--toleration", "node.kubernetes.io/unschedulable")
			comesBack := func() { component(s.t, "restart", lostNode+"-containerd", lostNode+"-kubelet") }
			s.t.Cleanup(comesBack)
			s.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok() // a lost node makes this untrue
			// The cluster gives a node 50 s to report before it takes it for lost.
			r, _, _ := s.pushesStep("--retry-timeout", "100s")
			component(s.t, "kill", lostNode+"-kubelet", lostNode+"-containerd")
			s.told(r, time.Now(), 15*time.Second)
			s.end(r, 3)
			s.explains(r, "node \""+lostNode+"\" does not report any more", "kubectl buildkit install")
			comesBack()
			s.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=120s").ok()
			return "explained (exit 3)"
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
