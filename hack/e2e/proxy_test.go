package e2e_test

import (
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A builder of two members, a private registry, and other people's clients: what they push with the user's docker
// config arrives, and nothing is left behind.
func TestProxy(t *testing.T) {
	u, reg := newUser(t), tokenRegistry(t)
	u.dockerConfig(auths(reg.host, reg.user, reg.password))
	u.env["SSL_CERT_FILE"] = need(t, "E2E_REGISTRY_CA") // these clients fetch tokens, too, and know no other way to trust a CA
	u.builder("--replicas", "2")
	u.env["XDG_RUNTIME_DIR"] = u.mkdir("run")

	t.Run("buildctl pushes", func(t *testing.T) { proxiedBuildctl(t, u.in(t), reg) })
	t.Run("buildx bakes", func(t *testing.T) { proxiedBake(t, u.in(t), reg) })
	t.Run("a socket that stays", func(t *testing.T) { proxyStays(t, u.in(t)) })
	t.Run("a member goes", func(t *testing.T) { proxiedMemberGoes(t, u.in(t)) })
	t.Run("the command decides", func(t *testing.T) { proxiedCommand(t, u.in(t)) })
	t.Run("dial-stdio", func(t *testing.T) { dialStdio(t, u.in(t)) })
	t.Run("no builder", func(t *testing.T) {
		u := u.in(t)
		u.buildkit("proxy", "--builder", "other", "--", "true").exits(3).says("no builder", "next:")
	})
	if left := sockets(t, u.env["XDG_RUNTIME_DIR"]); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func proxiedBuildctl(t *testing.T, u *user, reg registry) {
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /by-buildctl")
	image := reg.host + "/" + u.namespace + "/buildctl:1"
	u.buildkit("proxy", "--", "buildctl", "build", "--frontend", "dockerfile.v0", "--local", "context="+context,
		"--local", "dockerfile="+context, "--output", "type=image,push=true,name="+image).ok().neverSays(reg.password)
	if reg.digest(image) == "" {
		t.Error("nothing was pushed")
	}
}

// proxiedBake bakes a compose file and an HCL file with docker buildx's remote driver.
func proxiedBake(t *testing.T, u *user, reg registry) {
	u.env["BUILDX_CONFIG"] = u.mkdir("buildx")
	u.env["BUILDX"] = need(t, "E2E_BUILDX")
	context := dockerfile(t, "FROM scratch", "ARG SERVICE", "LABEL service=$SERVICE", "COPY Dockerfile /by-bake")
	image := func(name string) string { return reg.host + "/" + u.namespace + "/" + name + ":1" }
	write(t, filepath.Join(context, "compose.yaml"), "services:\n"+
		"  web: {image: "+image("web")+", build: {context: ., args: {SERVICE: web}}}\n"+
		"  db: {image: "+image("db")+", build: {context: ., args: {SERVICE: db}}}\n")
	write(t, filepath.Join(context, "bake.hcl"), `group "default" { targets = ["one", "two"] }
target "one" { 
  args = { SERVICE = "one" } 
  tags = ["`+image("one")+`"] 
}
target "two" {
  inherits = ["one"]
  args = { SERVICE = "two" }
  tags = ["`+image("two")+`"]
}
`)
	script := `set -e; cd ` + context + `
"$BUILDX" create --name cluster --driver remote "$BUILDKIT_HOST"
"$BUILDX" bake --builder cluster --push -f compose.yaml
"$BUILDX" bake --builder cluster --push -f bake.hcl
"$BUILDX" du --builder cluster >/dev/null
"$BUILDX" rm cluster`
	u.buildkit("proxy", "--", "sh", "-c", script).ok()
	for _, name := range []string{"web", "db", "one", "two"} {
		if reg.digest(image(name)) == "" {
			t.Errorf("%s was not pushed", name)
		}
	}
}

// proxyStays uses one proxy for several clients, and ends it with Ctrl-C.
func proxyStays(t *testing.T, u *user) {
	proxy := u.begin("proxy")
	address := u.addressOf(proxy)
	path := strings.TrimPrefix(address, "unix://")
	if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeSocket|0o600 || !strings.HasPrefix(path, u.env["XDG_RUNTIME_DIR"]) {
		t.Fatalf("the socket %q: %v, %v", path, info, err)
	}
	u.buildkit("proxy").exits(2).says("another process listens there")
	u.env["BUILDKIT_HOST"] = address
	defer delete(u.env, "BUILDKIT_HOST")
	for range 2 { // a connection each
		u.run("", nil, "buildctl", "debug", "workers").ok()
	}

	if err := syscall.Kill(proxy.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	proxy.ends(0)
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is left behind")
	}
}

// addressOf returns what the proxy prints when clients may connect. Its two streams are read side by
// side, so that the text about the address may be here before the address.
func (u *user) addressOf(proxy *running) string {
	u.t.Helper()
	proxy.until("until Ctrl-C")
	var address string
	u.eventually("the proxy prints its address", func() bool {
		address = strings.TrimSpace(proxy.stdout.String())
		return address != ""
	})
	return address
}

// proxiedMemberGoes asks the member in use to go, and then takes it away under a build: that is told, the build's client
// is let go, and those that come after each event are led to the other member.
func proxiedMemberGoes(t *testing.T, u *user) {
	proxy := u.begin("proxy", "--listen", "unix://"+filepath.Join(u.home, "s"))
	u.env["BUILDKIT_HOST"] = u.addressOf(proxy)
	defer delete(u.env, "BUILDKIT_HOST")
	step := dockerfile(t, "FROM BASE", "RUN echo begun && sleep 120")
	busy := u.start(nil, "buildctl", "build", "--progress=plain", "--frontend", "dockerfile.v0", "--local", "context="+step, "--local", "dockerfile="+step)
	busy.until("begun")

	_, pod, _ := strings.Cut(proxy.stderr.String(), "(Pod ")
	pod, _, _ = strings.Cut(pod, ",")
	u.kubectl("delete", "pod", pod, "--wait=false").ok()
	proxy.until(`Pod "` + pod + `" is being deleted`)
	workers := u.run("", nil, "buildctl", "debug", "workers", "-v").ok().stdout
	if strings.Contains(workers, pod) || !strings.Contains(workers, "buildkitd-") {
		t.Errorf("the next client has not got the other member than %s:\n%s", pod, workers)
	}
	u.kubectl("delete", "pod", pod, "--grace-period=0", "--force").ok()
	proxy.until(`connection 1: builder "buildkitd" was lost: Pod "` + pod + `" is gone`)
	busy.ends(1)
	u.run("", nil, "buildctl", "debug", "workers").ok()
	u.buildkit("proxy", "--", "buildctl", "debug", "workers").ok() // whether or not the Pod in its place listens already
	if err := syscall.Kill(proxy.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	proxy.ends(0)
	u.kubectl("rollout", "status", "statefulset/buildkitd", "--timeout=60s").ok()
}

func proxiedCommand(t *testing.T, u *user) {
	said := u.buildkit("proxy", "--", "sh", "-c", `echo "$BUILDKIT_HOST"; exit 42`).exits(42)
	if !strings.HasPrefix(said.line1(), "unix://"+u.env["XDG_RUNTIME_DIR"]) || said.stderr != "" {
		t.Errorf("%s", said.all())
	}
	u.buildkit("proxy", "--", "no-such-program").exits(2).says("no-such-program")
	u.buildkit("proxy", "--listen", "tcp://127.0.0.1:0").exits(2).says("every user")

	asked := u.begin("proxy", "--", "sh", "-c", `trap 'echo told >&2; exit 9' TERM; echo ready >&2; while :; do sleep 0.1; done`)
	asked.until("ready")
	if err := syscall.Kill(asked.cmd.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	asked.until("told")
	asked.ends(9)
}

// dialStdio gives buildctl a socket of which every connection is a process, as socat, ssh and systemd make them.
func dialStdio(t *testing.T, u *user) {
	path := filepath.Join(u.mkdir("tmp"), "stdio.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var processes sync.WaitGroup
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			processes.Go(func() { overStdio(t, u, conn) })
		}
	}()
	context := dockerfile(t, "FROM scratch", "COPY Dockerfile /by-stdio")
	u.run("", nil, "buildctl", "--addr", "unix://"+path, "build", "--frontend", "dockerfile.v0", "--local", "context="+context,
		"--local", "dockerfile="+context, "--output", "type=local,dest="+u.mkdir("out")).ok()
	if _, err := os.Stat(filepath.Join(u.home, "out", "by-stdio")); err != nil {
		t.Error(err)
	}
	_ = listener.Close()
	ended := make(chan struct{})
	go func() { processes.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("dial-stdio goes on without a client")
	}
	u.buildkit("dial-stdio", "--builder", "other").exits(3).says("no builder")
}

func overStdio(t *testing.T, u *user, conn net.Conn) {
	cmd := exec.Command("kubectl", "buildkit", "dial-stdio")
	stderr := &output{}
	cmd.Env, cmd.Stdout, cmd.Stderr = u.environ(), leaving{conn}, stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Error(err)
		return
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	_, _ = io.Copy(stdin, conn)
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil || stderr.String() != "" {
		t.Errorf("dial-stdio: %v\n%s", err, stderr.String())
	}
}

// leaving writes to a client that may have left: what the daemon says after that is lost, and does not fail.
type leaving struct{ net.Conn }

func (l leaving) Write(data []byte) (int, error) {
	_, _ = l.Conn.Write(data)
	return len(data), nil
}

// sockets are all files below a directory but directories.
func sockets(t *testing.T, directory string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			found = append(found, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
