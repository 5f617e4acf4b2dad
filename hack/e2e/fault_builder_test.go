//go:build faults

package e2e_test

import (
	"fmt"
	"strings"
	"time"
)

// builderFaults take the builder away, or what it needs.
func builderFaults() []fault {
	return []fault{
		{"builder Pod deleted", waits, func(s *scene) string {
			s.plain()
			r, _, _ := s.pushesStep("--retry-timeout", "20s")
			fault := time.Now()
			s.kubectl("delete", "pod", "buildkitd", "--force", "--grace-period=0").ok()
			s.told(r, fault, 15*time.Second)
			s.end(r, 3)
			s.explains(r, "buildkitd", "install buildkitd")
			s.lost = true
			return "explained (exit 3)"
		}},
		{"builder Pod deleted and installed again", busy, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			s.kubectl("delete", "pod", "buildkitd", "--force", "--grace-period=0").ok()
			s.builder()
			step.begins(r, 2) // in the new builder
			step.letGo()
			s.pushed(r, tag)
			return step.ran()
		}},
		{"builder Pod evicted by a drain", busy, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			s.evict("buildkitd")
			s.kubectl("wait", "pod/buildkitd", "--for=jsonpath={.metadata.deletionTimestamp}", "--timeout=30s").ok()
			step.letGo()
			s.pushed(r, tag)
			if n := step.begun.Load(); n != 1 {
				s.t.Errorf("the step was started %d times", n)
			}
			s.lost = true
			s.eventuallyGone()
			return step.ran() + ", then the Pod went"
		}},
		{"daemon crashed during RUN", busy, func(s *scene) string {
			s.plain()
			r, step, tag := s.pushesStep()
			fault := s.crash("buildkitd")
			s.told(r, fault, 5*time.Second)
			step.begins(r, 2) // in the daemon that the kubelet has started again
			step.letGo()
			s.pushed(r, tag)
			return step.ran()
		}},
		{"daemon crashed during RUN, no retries", busy, func(s *scene) string {
			s.plain()
			r, _, _ := s.pushesStep("--retries", "0")
			fault := s.crash("buildkitd")
			s.told(r, fault, 5*time.Second)
			s.end(r, 3)
			s.explains(r, `the daemon in Pod "buildkitd" ended with exit code 2`, "SIGABRT: abort", "logs buildkitd", "--previous")
			return "explained (exit 3)"
		}},
		{"builder evicted for its use of the disk", waits, func(s *scene) string {
			s.plain("--limit", "ephemeral-storage=200Mi")
			step := s.newStep()
			r := s.build("--retry-timeout", "20s", "-o", "type=cacheonly", dockerfile(s.t, "FROM BASE", step.line("head -c 400000000 /dev/zero >/big")))
			s.end(r, 3)
			s.explains(r, "vict", "ephemeral", "install buildkitd")
			s.lost = true
			return "explained (exit 3)"
		}},
		{"step needs more memory than the builder has", busy, func(s *scene) string {
			s.plain("--limit", "memory=256Mi")
			r := s.build("-o", "type=cacheonly", dockerfile(s.t, "FROM BASE", "RUN tail /dev/zero"))
			// Where the kernel kills the step alone (cgroup v1), the build has failed; else the daemon went with it.
			if s.end(r, 1, 3) == 1 {
				s.explains(r, "tail /dev/zero", "137", "256Mi", "--limit memory")
				return "explained (exit 1: the step was killed)"
			}
			s.explains(r, "OOMKilled", "256Mi", "--limit memory")
			return "explained (exit 3: OOMKilled)"
		}},
		{"builder's disk is full", busy, func(s *scene) string {
			s.smallDisk("100Mi")
			s.connect()
			context, _ := noise(s.t, 160)
			r := s.build("-o", "type=cacheonly", context)
			s.end(r, 3)
			s.explains(r, "disk", "no space left on device", "prune buildkitd")
			s.makeRoom()
			return "explained (exit 3)"
		}},
	}
}

// crash ends a daemon as a failed assertion in it would, with its last words in its log.
func (s *scene) crash(pod string) (fault time.Time) {
	s.t.Helper()
	s.kubectl("exec", pod, "--", "kill", "-ABRT", "1").ok()
	return time.Now()
}

// makeRoom does as the error says, until a build has room again: what the failed one wrote is not free in the same moment.
func (s *scene) makeRoom() {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Second) {
		s.buildkit("prune", "buildkitd", "--force").ok()
		next := s.buildkit("build", "-o", "type=cacheonly", dockerfile(s.t, "FROM BASE", "RUN true"))
		if next.code == 0 {
			return
		}
		if time.Now().After(deadline) {
			next.ok()
		}
	}
}

// evict asks as `kubectl drain` does.
func (s *scene) evict(pod string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":%q,"namespace":%q}}`, pod, s.namespace)
	s.kubectlIn("", []byte(body), "create", "--raw", "/api/v1/namespaces/"+s.namespace+"/pods/"+pod+"/eviction", "-f", "-").ok()
}

// smallDisk installs a builder whose cache is a file system of that size.
func (s *scene) smallDisk(size string) {
	s.t.Helper()
	yaml := s.buildkit(append([]string{"install", "-o", "yaml", "--dry-run=client"}, s.registryFlags()...)...).ok().stdout
	small := strings.Replace(yaml, "emptyDir: {}", "emptyDir: {medium: Memory, sizeLimit: "+size+"}", 1)
	if small == yaml {
		s.t.Fatalf("the builder has no volume to make small\n%s", yaml)
	}
	s.kubectlIn("", []byte(small), "apply", "-f", "-").ok()
	s.kubectl("wait", "pod/buildkitd", "--for=condition=Ready", "--timeout=60s").ok()
}
