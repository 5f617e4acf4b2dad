package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// dockerName is what the test program is called when it stands in for docker's client.
const dockerName = "docker"

// withDocker gives the user docker's client: the machine's, or one that knows the two commands the plugin calls.
func (u *user) withDocker() {
	u.t.Helper()
	if _, err := exec.LookPath(dockerName); err == nil {
		return
	}
	self, err := os.Executable()
	if err != nil {
		u.t.Fatal(err)
	}
	bin := u.mkdir("docker-client")
	if err := os.Symlink(self, filepath.Join(bin, dockerName)); err != nil {
		u.t.Fatal(err)
	}
	u.env["PATH"] += ":" + bin
}

// dockerClient is that client: `docker version …` and `docker load`, with the engine of $DOCKER_HOST.
func dockerClient(args []string) error {
	socket := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	method, path, body := http.MethodGet, "/version", io.Reader(nil)
	if len(args) > 0 && args[0] == "load" {
		method, path, body = http.MethodPost, "/images/load", os.Stdin
	}
	request, err := http.NewRequest(method, "http://engine"+path, body)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", said)
	}
	return err
}

// playDocker is that program's end.
func playDocker(args []string) (code int) {
	if err := dockerClient(args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
