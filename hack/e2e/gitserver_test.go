package e2e_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// gitServer serves the repositories below a directory where the builder can reach them: over HTTP, and over ssh to those
// who have the key. Repositories below private/ want a token over HTTP.
type gitServer struct {
	directory string
	http      string // HOST:PORT
	ssh       string // HOST:PORT
	key       string // path of the private key
	token     string
}

func newGitServer(t *testing.T) *gitServer {
	t.Helper()
	g := &gitServer{directory: t.TempDir(), token: "token-" + rand.Text()}
	words := map[string]string{
		"Dockerfile": "ARG BASE\nFROM $BASE\nCOPY . /src/\nRUN cat /src/words > /told\n", "words": "first\n",
		"sub/Dockerfile": "FROM scratch\nCOPY . /only/\n", "sub/deep/words": "below\n",
	}
	g.repository(t, "parts.git", map[string]string{"part": "of another repository\n"})
	g.repository(t, "words.git", words)
	g.repository(t, "private/words.git", words)
	g.listenHTTP(t)
	g.listenSSH(t)
	return g
}

// repository makes a bare repository whose branch main has the files and the submodule parts, except for parts itself.
// The tag v1 and the branch next are there to be told apart from it. Times and names are fixed, so that the commits are
// the same wherever it is made.
func (g *gitServer) repository(t *testing.T, name string, files map[string]string) {
	t.Helper()
	work := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		cmd := exec.Command("git", append([]string{"-C", work, "-c", "protocol.file.allow=always"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
			"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_AUTHOR_DATE=1600000000 +0000",
			"GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com", "GIT_COMMITTER_DATE=1600000000 +0000")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	git("init", "--quiet", "--initial-branch=main")
	for path, text := range files {
		path = filepath.Join(work, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, text)
	}
	if name != "parts.git" {
		git("submodule", "--quiet", "add", filepath.Join(g.directory, "parts.git"), "parts")
		git("config", "--file", ".gitmodules", "submodule.parts.url", strings.Repeat("../", 1+strings.Count(name, "/"))+"parts.git")
	}
	git("add", "--all")
	git("commit", "--quiet", "--message=first")
	git("tag", "v1")
	write(t, filepath.Join(work, "words"), "second\n")
	git("add", "--all")
	git("commit", "--quiet", "--message=second")
	git("branch", "next")
	git("commit", "--quiet", "--allow-empty", "--message=third")
	git("clone", "--quiet", "--bare", work, filepath.Join(g.directory, name))
}

func (g *gitServer) listenHTTP(t *testing.T) {
	t.Helper()
	program, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		t.Fatal(err)
	}
	backend := &cgi.Handler{
		Path:   filepath.Join(strings.TrimSpace(string(program)), "git-http-backend"),
		Env:    []string{"GIT_PROJECT_ROOT=" + g.directory, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"},
		Stderr: io.Discard,
	}
	g.http = serveBesideRegistry(t, func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); strings.HasPrefix(r.URL.Path, "/private/") && password != g.token {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	})
}

// listenSSH serves `git-upload-pack 'REPOSITORY'` to the key, and nothing else.
func (g *gitServer) listenSSH(t *testing.T) {
	t.Helper()
	client := newSSHKey(t)
	g.key = filepath.Join(t.TempDir(), "key")
	block, err := ssh.MarshalPrivateKey(client, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(g.key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	allowed, err := ssh.NewPublicKey(client.Public())
	if err != nil {
		t.Fatal(err)
	}
	host, err := ssh.NewSignerFromSigner(newSSHKey(t))
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(allowed.Marshal()) {
			return nil, errors.New("a stranger")
		}
		return nil, nil
	}}
	config.AddHostKey(host)
	listener := listenBesideRegistry(t)
	t.Cleanup(func() { _ = listener.Close() })
	g.ssh = listener.Addr().String()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go g.serveSSH(conn, config)
		}
	}()
}

func newSSHKey(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (g *gitServer) serveSSH(conn net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		_ = conn.Close() // a scan of the host's keys ends so too
		return
	}
	go ssh.DiscardRequests(requests)
	for offered := range channels {
		if offered.ChannelType() != "session" {
			_ = offered.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, requests, err := offered.Accept()
		if err != nil {
			return
		}
		go g.serveSession(channel, requests)
	}
}

func (g *gitServer) serveSession(channel ssh.Channel, requests <-chan *ssh.Request) {
	defer func() { _ = channel.Close() }()
	for request := range requests {
		var asked struct{ Command string }
		if request.Type != "exec" || ssh.Unmarshal(request.Payload, &asked) != nil {
			_ = request.Reply(request.Type == "env", nil)
			continue
		}
		_ = request.Reply(true, nil)
		repository, found := strings.CutPrefix(asked.Command, "git-upload-pack '/")
		status := uint32(1)
		if repository = strings.TrimSuffix(repository, "'"); found && filepath.IsLocal(repository) {
			upload := exec.Command("git", "-c", "safe.directory=*", "upload-pack", filepath.Join(g.directory, repository))
			upload.Stdin, upload.Stdout, upload.Stderr = channel, channel, channel.Stderr()
			if upload.Run() == nil {
				status = 0
			}
		} else {
			fmt.Fprintln(channel.Stderr(), "git-upload-pack only")
		}
		_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
		return
	}
}

// listenBesideRegistry listens where the builder can reach this process: at the address of the open registry.
func listenBesideRegistry(t *testing.T) net.Listener {
	t.Helper()
	host, _, err := net.SplitHostPort(need(t, "E2E_REGISTRY"))
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil && !theWorld(t).own {
		t.Skipf("this machine has no address that the builder can reach: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// serveBesideRegistry serves plain HTTP where the builder can reach it, and returns HOST:PORT.
func serveBesideRegistry(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	_ = server.Listener.Close()
	server.Listener = listenBesideRegistry(t)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
