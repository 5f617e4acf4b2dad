//go:build faults

package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

const (
	// endless bounds a build that goes through a fault; one that takes longer hangs.
	endless = 3 * time.Minute
	// allowance is what a busy machine may add to a time limit of the product's.
	allowance = 4 * time.Second
)

// scene is a user with a builder, and a link to the cluster that can be made bad.
type scene struct {
	*user
	link    *link.Link
	through string // kubeconfig by way of the link
	builds  []*running
	steps   []*step
	noticed time.Duration // from the fault until the user was told
	lost    bool          // the builder is gone at the end, as the fault demands
}

// plain installs the builder that a user would have, and makes the link.
func (s *scene) plain(install ...string) {
	s.t.Helper()
	s.builder(install...)
	s.connect()
}

func (s *scene) connect() {
	s.t.Helper()
	cluster, err := link.ReadCluster(s.t.Context(), s.env["KUBECONFIG"])
	if err != nil {
		s.t.Fatal(err)
	}
	if s.link, err = link.Listen(cluster.Server, link.Shape{}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.link.Close() })
	config, err := cluster.Through(s.link.Address())
	if err != nil {
		s.t.Fatal(err)
	}
	s.through = filepath.Join(s.home, "through")
	write(s.t, s.through, string(config))
}

// build starts a build by way of the link.
func (s *scene) build(args ...string) *running {
	s.t.Helper()
	r := s.begin(append([]string{"build", "--kubeconfig", s.through, "--progress", "plain"}, args...)...)
	s.builds = append(s.builds, r)
	return r
}

// pushesStep starts a build of one step that the test holds, and waits until that step runs.
func (s *scene) pushesStep(args ...string) (*running, *step, string) {
	s.t.Helper()
	step, tag := s.newStep(), openRegistry(s.t).name(s.user)+":1"
	r := s.build(append(args, "-t", tag, "--push", dockerfile(s.t, "FROM BASE", step.line()))...)
	step.begins(r, 1)
	return r, step, tag
}

// told waits for the first word of the build about a loss, which must come within limit of the fault.
func (s *scene) told(r *running, fault time.Time, limit time.Duration) {
	s.t.Helper()
	loss := regexp.MustCompile(`(?i)\b(lost|connection to builder|nothing has come|not answered|gone|deleted|evicted)\b`)
	for !loss.MatchString(r.stderr.String()) {
		if time.Since(fault) > limit+allowance {
			s.t.Fatalf("not a word of the loss %.1f s after it\n%s", time.Since(fault).Seconds(), r.stderr.String())
		}
		time.Sleep(20 * time.Millisecond)
	}
	s.noticed = time.Since(fault)
}

// end waits for a build's end and demands one of these exit codes.
func (s *scene) end(r *running, codes ...int) (code int) {
	s.t.Helper()
	ended := make(chan struct{})
	go func() { _ = r.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(endless):
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGQUIT) // it shows where it hangs
		<-ended
		s.t.Fatalf("the build hangs\n%s", r.stderr.String())
	}
	code = r.exitCode()
	if !slices.Contains(codes, code) {
		s.t.Fatalf("exit code %d, want %v\n%s", code, codes, r.stderr.String())
	}
	return code
}

// pushed demands that the build ended well, printed what it pushed, and that the registry has all of it.
func (s *scene) pushed(r *running, tag string) {
	s.t.Helper()
	s.end(r, 0)
	reg := openRegistry(s.t)
	digest := reg.digest(tag)
	if want := tag + "@" + digest + "\n"; digest == "" || r.stdout.String() != want {
		s.t.Fatalf("printed %q, the registry has %q\n%s", r.stdout.String(), want, r.stderr.String())
	}
	reg.whole(tag, digest)
}

// pushedTwice is pushed for a build whose daemon may still be at work for the lost connection as well: both make the same
// image, but for its provenance, and whichever is later has the tag.
func (s *scene) pushedTwice(r *running, tag string) {
	s.t.Helper()
	s.end(r, 0)
	reg := openRegistry(s.t)
	printed, tagged := strings.TrimSuffix(r.stdout.String(), "\n"), reg.digest(tag)
	digest, ours := strings.CutPrefix(printed, tag+"@")
	if !ours || tagged == "" {
		s.t.Fatalf("printed %q, the registry has %q\n%s", printed, tagged, r.stderr.String())
	}
	reg.whole(tag, digest)
	reg.whole(tag, tagged)
}

// explains demands texts in what a build said.
func (s *scene) explains(r *running, texts ...string) {
	s.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.stderr.String(), text) {
			s.t.Errorf("stderr lacks %q\n%s", text, r.stderr.String())
		}
	}
	if r.stdout.String() != "" {
		s.t.Errorf("a build that failed printed an answer: %q", r.stdout.String())
	}
}

// settles demands that nothing is left of the builds: no process, no file, no step, no lock, no object.
func (s *scene) settles() {
	s.t.Helper()
	for _, r := range s.builds {
		if r.cmd.ProcessState == nil {
			s.t.Error("a build was not waited for")
		}
		if err := syscall.Kill(-r.cmd.Process.Pid, 0); err == nil {
			s.t.Error("a process of a build is left")
		}
	}
	if left, err := filepath.Glob(filepath.Join(s.env["TMPDIR"], "*")); err != nil || len(left) != 0 {
		s.t.Errorf("temporary files are left: %v %v", left, err)
	}
	if s.lost {
		s.builder() // what is left of a lost builder does not matter
	}
	for _, step := range s.steps {
		step.stops()
	}
	s.buildkit("build", "-o", "type=cacheonly", dockerfile(s.t, "FROM BASE", fmt.Sprintf("RUN echo %d", time.Now().UnixNano()))).ok()
	s.buildkit("uninstall").ok()
	s.eventuallyGone()
	s.leavesNothing()
}

// component kills or restarts parts of the cluster.
func component(t *testing.T, verb string, names ...string) {
	t.Helper()
	command := exec.Command(need(t, "E2E_CLUSTER_PROGRAM"), append([]string{verb}, names...)...)
	command.Dir = filepath.Join("..", "cluster")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", verb, names, err, out)
	}
}

// repair starts what a fault has killed, and waits until the cluster is as before. Controllers and scheduler are started
// anew: they ask an API server that was gone again only after up to half a minute.
func repair(t *testing.T) {
	t.Helper()
	late := []string{"kube-controller-manager", "kube-scheduler"}
	component(t, "restart", "kube-apiserver")
	component(t, "kill", late...)
	component(t, "restart", append(late, "node-1-containerd", "node-1-kubelet")...)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		status := exec.Command(need(t, "E2E_CLUSTER_PROGRAM"), "status")
		status.Dir = filepath.Join("..", "cluster")
		out, err := status.CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cluster does not recover: %v\n%s", err, out)
		}
	}
}

// noise makes a context whose only file does not shrink, and returns the line that puts it into an image and checks it.
func noise(t *testing.T, megabytes int) (context, copied string) {
	t.Helper()
	context = dockerfile(t, "FROM BASE", "COPY noise /noise", "COPY sum /sum", "RUN sha256sum -c /sum")
	script := fmt.Sprintf("head -c %d /dev/urandom > noise && sha256sum noise | sed 's# .*#  /noise#' > sum", megabytes<<20)
	command := exec.Command("sh", "-c", script)
	command.Dir = context
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("making noise: %v\n%s", err, out)
	}
	sum, err := os.ReadFile(filepath.Join(context, "sum"))
	if err != nil {
		t.Fatal(err)
	}
	return context, strings.Fields(string(sum))[0]
}
