//go:build faults

package e2e_test

import "time"

// linkFaults break the link alone: the builder and the API server are well.
func linkFaults() []fault {
	return []fault{
		{"connection closed", busy, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			fault, before := time.Now(), s.link.Counts().Connections
			s.link.Cut()
			s.told(r, fault, 3*time.Second)
			s.dialsAgain(r, before)
			step.letGo()
			s.pushed(r, tag)
			return step.ran()
		}},
		{"network unresponsive for 10 s", busy, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			s.link.Hold()
			time.Sleep(10 * time.Second)
			s.link.Release()
			step.letGo()
			s.pushed(r, tag)
			s.once(step)
			return step.ran()
		}},
		{"connection silently lost", waits, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			fault, before := time.Now(), s.link.Counts().Connections
			s.link.Silence()
			s.told(r, fault, 15*time.Second)
			s.dialsAgain(r, before)
			time.Sleep(45*time.Second - time.Since(fault)) // the daemon has given the old client up by now
			step.letGo()
			s.pushedTwice(r, tag)
			s.once(step)
			s.giveUp()
			return step.ran()
		}},
		{"network unresponsive until the end", waits, func(s *scene) string {
			s.plain()
			r, _, _ := s.pushesStep("--retry-timeout", "20s")
			fault := time.Now()
			s.link.Hold()
			s.told(r, fault, 15*time.Second)
			s.end(r, 3)
			s.explains(r, "nothing was received over the connection")
			s.giveUp()
			return "explained (exit 3)"
		}},
	}
}

// dialsAgain waits until the build has opened another connection.
func (s *scene) dialsAgain(r *running, before int) {
	s.t.Helper()
	for deadline := time.Now().Add(endless); s.link.Counts().Connections == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("no new connection\n%s", r.stderr.String())
		}
	}
}

// giveUp does what the API server's TCP does when a client has not answered its probes for two and a half minutes. Until
// then no daemon stops what a silent client has asked for, nor itself.
func (s *scene) giveUp() { s.link.Cut() }

func (s *scene) once(x *step) {
	s.t.Helper()
	if n := x.begun.Load(); n != 1 {
		s.t.Errorf("the step was started %d times, want once", n)
	}
}
