package e2e_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds one call of the plugin; every wait of the product's own is shorter.
const patience = 3 * time.Minute

// user is a person at a terminal: a namespace, a separate home with a docker config, and variables.
type user struct {
	t         *testing.T
	namespace string
	home      string
	env       map[string]string
	system    *syscall.SysProcAttr // the user that commands run as; nil is the one who runs the tests
}

// newUser makes a user in a fresh namespace that lets privileged Pods in. The namespace goes with the test.
func newUser(t *testing.T) *user {
	t.Helper()
	w := theWorld(t)
	u := &user{t: t, home: t.TempDir(), env: map[string]string{}}
	u.namespace = "e2e-" + slug(t.Name()) + "-" + strings.ToLower(rand.Text()[:8]) // an earlier run may have left namespaces
	maps.Copy(u.env, map[string]string{
		"HOME":          u.home,
		"PATH":          w.plugin + ":" + os.Getenv("PATH"),
		"KUBECONFIG":    u.kubeconfigIn(w.kubeconfig),
		"DOCKER_CONFIG": filepath.Join(u.home, ".docker"),
		"TMPDIR":        u.mkdir("tmp"),
	})
	u.createNamespace(u.namespace, thisProcess())
	own := u.env["KUBECONFIG"]
	t.Cleanup(func() {
		u.env["KUBECONFIG"] = own
		u.collect()
		u.kubectl("delete", "namespace", u.namespace, "--wait=false", "--ignore-not-found").ok()
	})
	return u
}

// in returns the user as a subtest sees it: it fails that subtest, and what it sets in env ends with it.
func (u *user) in(t *testing.T) *user {
	v := *u
	v.t, v.env = t, maps.Clone(u.env)
	return &v
}

// kubeconfigIn copies the admin's kubeconfig and makes the user's namespace its default, as a user would have it.
func (u *user) kubeconfigIn(admin string) string {
	u.t.Helper()
	raw, err := os.ReadFile(admin)
	if err != nil {
		u.t.Fatal(err)
	}
	path := filepath.Join(u.home, "kubeconfig")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		u.t.Fatal(err)
	}
	set := exec.Command("kubectl", "--kubeconfig", path, "config", "set-context", "--current", "--namespace", u.namespace)
	if out, err := set.CombinedOutput(); err != nil {
		u.t.Fatalf("choosing the namespace: %v\n%s", err, out)
	}
	return path
}

func (u *user) mkdir(name string) string {
	u.t.Helper()
	dir := filepath.Join(u.home, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		u.t.Fatal(err)
	}
	return dir
}

// collect prints what the cluster knows when a test failed: the first thing to look at.
func (u *user) collect() {
	if !u.t.Failed() {
		return
	}
	for _, args := range [][]string{{"get", "pods", "-o", "wide"}, {"get", "events"}, {"logs", "--tail=30", "-l", "app.kubernetes.io/managed-by=kubectl-buildkit"}} {
		u.t.Logf("kubectl %s\n%s", strings.Join(args, " "), u.kubectl(args...).all())
	}
}

// call is a finished command.
type call struct {
	t              *testing.T
	line           string
	stdout, stderr string
	code           int
	took           time.Duration
}

func (u *user) kubectl(args ...string) call {
	u.t.Helper()
	return u.kubectlIn("", nil, args...)
}

// buildkit runs `kubectl buildkit ARGS…`.
func (u *user) buildkit(args ...string) call {
	u.t.Helper()
	return u.kubectl(append([]string{"buildkit"}, args...)...)
}

// kubectlIn runs kubectl in a directory with something on standard input.
func (u *user) kubectlIn(dir string, stdin []byte, args ...string) call {
	u.t.Helper()
	return u.run(dir, stdin, "kubectl", args...)
}

// run runs a program to its end, in a directory with something on standard input.
func (u *user) run(dir string, stdin []byte, program string, args ...string) call {
	u.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, u.environ(), bytes.NewReader(stdin), &stdout, &stderr
	cmd.SysProcAttr = u.system
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGQUIT) } // a hang shows its goroutines
	cmd.WaitDelay = 5 * time.Second
	start := time.Now()
	err := cmd.Run()
	c := call{t: u.t, line: program + " " + strings.Join(args, " "), stdout: stdout.String(), stderr: stderr.String(), took: time.Since(start)}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		c.code = exit.ExitCode()
	case err != nil:
		u.t.Fatalf("%s: %v", c.line, err)
	}
	if ctx.Err() != nil {
		u.t.Fatalf("%s: no end after %s\n%s", c.line, patience, c.all())
	}
	return c
}

func (u *user) environ() []string {
	vars := []string{}
	for _, name := range slices.Sorted(maps.Keys(u.env)) {
		vars = append(vars, name+"="+u.env[name])
	}
	return vars
}

func (c call) all() string {
	return fmt.Sprintf("$ %s   (exit %d, %.2fs)\n--- stdout\n%s--- stderr\n%s", c.line, c.code, c.took.Seconds(), c.stdout, c.stderr)
}

func (c call) ok() call {
	c.t.Helper()
	return c.exits(0)
}

func (c call) exits(code int) call {
	c.t.Helper()
	if c.code != code {
		c.t.Fatalf("exit code %d, want %d\n%s", c.code, code, c.all())
	}
	return c
}

// says demands every text in the error stream.
func (c call) says(texts ...string) call {
	c.t.Helper()
	for _, text := range texts {
		if !strings.Contains(c.stderr, text) {
			c.t.Errorf("stderr lacks %q\n%s", text, c.all())
		}
	}
	return c
}

func (c call) neverSays(texts ...string) call {
	c.t.Helper()
	for _, text := range texts {
		if strings.Contains(c.stdout+c.stderr, text) {
			c.t.Errorf("the output has %q\n%s", text, c.all())
		}
	}
	return c
}

// line1 is the only line of stdout.
func (c call) line1() string {
	c.t.Helper()
	line := strings.TrimSuffix(c.stdout, "\n")
	if line == "" || strings.Contains(line, "\n") {
		c.t.Fatalf("stdout is not one line\n%s", c.all())
	}
	return line
}

func (c call) within(limit time.Duration) call {
	c.t.Helper()
	if c.took > limit {
		c.t.Errorf("took %.1fs, more than %s\n%s", c.took.Seconds(), limit, c.all())
	}
	return c
}

func slug(name string) string {
	name = strings.ToLower(strings.TrimPrefix(name, "Test"))
	name = strings.Map(func(r rune) rune {
		if (r >= 'a' && r <= 'z') || (r >= '0' && r <= '9') {
			return r
		}
		return '-'
	}, name)
	return strings.Trim(name[:min(len(name), 30)], "-")
}
