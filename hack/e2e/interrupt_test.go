package e2e_test

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// running is a command that has not ended.
type running struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout output
	stderr output
	start  time.Time
}

// output may be read while the command writes to it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// begin starts `kubectl buildkit ARGS…` in a process group of its own, as a terminal does.
func (u *user) begin(args ...string) *running {
	u.t.Helper()
	return u.beginReading(nil, args...)
}

// beginReading is begin with something on standard input.
func (u *user) beginReading(stdin *os.File, args ...string) *running {
	u.t.Helper()
	return u.start(stdin, "kubectl", append([]string{"buildkit"}, args...)...)
}

// start starts a program in a process group of its own.
func (u *user) start(stdin *os.File, program string, args ...string) *running {
	u.t.Helper()
	r := &running{t: u.t, start: time.Now()}
	r.cmd = exec.Command(program, args...)
	r.cmd.Env, r.cmd.Stdout, r.cmd.Stderr = u.environ(), &r.stdout, &r.stderr
	if stdin != nil {
		r.cmd.Stdin = stdin
	}
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { _ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) })
	return r
}

// honorHangUp lets the programs that are started until the result is called end at SIGHUP, even if these tests run where it
// is ignored, as under nohup: a program that is started there ignores it, and is right to.
func honorHangUp() (stop func()) {
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGHUP)
	return func() { signal.Stop(received) }
}

// until waits for a text in the error stream. Some texts come after a step has written two gigabytes: how long that takes
// depends on the disk and on what else runs here, so the limit only ends a test that would never end.
func (r *running) until(text string) {
	r.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(r.stderr.String(), text) {
			return
		}
	}
	r.t.Fatalf("never said %q:\n%s", text, r.stderr.String())
}

// interrupt presses Ctrl-C and demands a prompt end with 130 that leaves no process.
func (r *running) interrupt() {
	r.t.Helper()
	group := r.cmd.Process.Pid
	pressed := time.Now()
	if err := syscall.Kill(-group, syscall.SIGINT); err != nil {
		r.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = r.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = syscall.Kill(-group, syscall.SIGQUIT)
		<-done
		r.t.Fatalf("still there 10 s after Ctrl-C\n%s", r.stderr.String())
	}
	if code := r.exitCode(); code != 130 {
		r.t.Errorf("exit code %d after Ctrl-C, want 130\n%s", code, r.stderr.String())
	}
	if r.stdout.String() != "" {
		r.t.Errorf("an interrupted command printed an answer: %q", r.stdout.String())
	}
	if err := syscall.Kill(-group, 0); err == nil {
		r.t.Errorf("a process is left %.1fs after Ctrl-C", time.Since(pressed).Seconds())
	}
}

// exitCode is what a shell shows: a process that died of a signal has 128 and the signal's number.
func (r *running) exitCode() int {
	if status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return r.cmd.ProcessState.ExitCode()
}

// ends waits for the end and demands this exit code.
func (r *running) ends(code int) {
	r.t.Helper()
	_ = r.cmd.Wait()
	if got := r.exitCode(); got != code {
		r.t.Errorf("exit code %d, want %d\n%s", got, code, r.stderr.String())
	}
}

func TestCtrlC(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	u.builder()

	t.Run("install", func(t *testing.T) {
		u := u.in(t)
		r := u.begin("install", "second", "--node-selector", "disk=none")
		r.until("second")
		r.interrupt()
		u.kubectl("wait", "pod/second", "--for=delete", "--timeout=20s")
		left := u.kubectl("get", "pods,secrets,configmaps,roles", "-l", "app.kubernetes.io/instance=second", "-o", "name").ok().stdout
		if left != "" {
			t.Errorf("an interrupted install left\n%s", left)
		}
	})
	t.Run("standard input", func(t *testing.T) {
		u := u.in(t)
		silent, open, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
		r := u.beginReading(silent, "build", "-o", "type=cacheonly", "-")
		// More than a pipe holds: when it is written, the build reads, and waits for more.
		if _, err := open.WriteString(strings.Repeat("# a comment\n", 10_000)); err != nil {
			t.Fatal(err)
		}
		r.interrupt()
	})
	t.Run("context upload", func(t *testing.T) {
		u := u.in(t)
		context := dockerfile(t, "FROM scratch", "COPY . /")
		sparse, err := os.Create(filepath.Join(context, "huge"))
		if err != nil {
			t.Fatal(err)
		}
		if err := sparse.Truncate(8 << 30); err != nil {
			t.Fatal(err)
		}
		_ = sparse.Close()
		r := u.begin("build", "--progress", "plain", "-o", "type=cacheonly", context)
		r.until("transferring context: ")
		r.interrupt()
	})
	t.Run("run", func(t *testing.T) {
		u := u.in(t)
		r := u.begin("build", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN echo be''gun && sleep 987"))
		r.until("begun")
		if !u.daemonRuns("sleep 987") {
			t.Error("the step is not seen in the builder while it runs: the test is blind")
		}
		r.interrupt()
		u.stepEnds("sleep 987")
	})
	t.Run("output to files", func(t *testing.T) {
		u := u.in(t)
		dest := filepath.Join(t.TempDir(), "out.tar")
		r := u.begin("build", "--progress", "plain", "-o", "type=oci,dest="+dest,
			dockerfile(t, "FROM BASE", "RUN head -c 2000000000 /dev/urandom >/noise"))
		r.until("exporting layers")
		r.interrupt()
		if files, _ := filepath.Glob(filepath.Join(filepath.Dir(dest), "*")); len(files) != 0 {
			t.Errorf("an interrupted export left %v", files)
		}
	})
	t.Run("terminal closed", func(t *testing.T) {
		u := u.in(t)
		defer honorHangUp()()
		dir := t.TempDir()
		r := u.begin("build", "--progress", "plain", "-o", filepath.Join(dir, "new", "out"),
			dockerfile(t, "FROM BASE", "RUN head -c 300000000 /dev/urandom >/noise"))
		r.until("copying files")
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGHUP)
		r.ends(130)
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 0 {
			t.Errorf("an export whose terminal was closed left %v", files)
		}
	})
	t.Run("output closed", func(t *testing.T) {
		u := u.in(t)
		dir, code := t.TempDir(), filepath.Join(u.mkdir("closed"), "code")
		// More than what is received between one line of the progress and the next.
		context := dockerfile(t, "FROM BASE", "RUN head -c 1500000000 /dev/urandom >/noise")
		u.run("", nil, "sh", "-c", "{ kubectl buildkit build --progress plain -o "+dir+"/new/out "+context+"; echo $? >"+code+"; } 2>&1 | grep -m1 'copying files'; cat "+code).ok()
		if got := strings.TrimSpace(read(t, code)); got != "141" {
			t.Errorf("exit code %s, want that of SIGPIPE", got)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 0 {
			t.Errorf("an export whose output was closed left %v", files)
		}
	})
	t.Run("push", func(t *testing.T) {
		u := u.in(t)
		tag := reg.name(u) + ":interrupted"
		r := u.begin("build", "--progress", "plain", "-t", tag, "--push",
			dockerfile(t, "FROM BASE", "RUN head -c 1000000000 /dev/urandom >/noise"))
		r.until("exporting layers")
		r.interrupt()
		if digest := reg.digest(tag); digest != "" {
			t.Errorf("an interrupted push left the tag %s", digest)
		}
	})
	t.Run("twice", func(t *testing.T) {
		u := u.in(t)
		r := u.begin("build", "--progress", "plain", "-o", "type=cacheonly", dockerfile(t, "FROM BASE", "RUN echo be''gun && sleep 986"))
		r.until("begun")
		_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT)
		r.interrupt()
		u.stepEnds("sleep 986")
	})
}

// stepEnds demands that the daemon stops a step soon after its client has gone.
func (u *user) stepEnds(command string) {
	u.t.Helper()
	// A daemon that was not asked to stop, but only has lost its client, takes 30 seconds to see it.
	for deadline := time.Now().Add(20 * time.Second); u.daemonRuns(command); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			u.t.Fatalf("%q still runs in the builder 20 s after Ctrl-C", command)
		}
	}
}

// daemonRuns says whether a process with this command line runs inside the builder's Pod.
func (u *user) daemonRuns(command string) bool {
	u.t.Helper()
	ps := u.kubectl("exec", "buildkitd", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout
	return strings.Contains(ps, command)
}

// An install that was interrupted can simply be run again.
func TestInstallAfterCtrlC(t *testing.T) {
	u := newUser(t)
	r := u.begin("install")
	r.until("buildkitd")
	_ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGINT)
	_ = r.cmd.Wait()
	u.builder()
	u.buildkit("info").ok()
}
