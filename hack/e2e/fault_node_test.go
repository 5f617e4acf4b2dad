//go:build faults

package e2e_test

import "time"

// nodeFaults restart what runs the builder's Pod. The Pod lives on, the link to it does not.
func nodeFaults() []fault {
	return []fault{
		{"kubelet restarted during RUN", alone, func(s *scene) string { return s.restarts("node-1-kubelet", 3*time.Second) }},
		// The kubelet itself takes seconds to close the way to a containerd that is dead: kubectl port-forward learns no sooner.
		{"containerd restarted during RUN", alone, func(s *scene) string { return s.restarts("node-1-containerd", 15*time.Second) }},
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
