package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A Go program builds with pkg/driver as the plugin does.
func TestLibrary(t *testing.T) {
	program := filepath.Join(t.TempDir(), "library")
	compile := exec.Command("go", "build", "-o", program, "./hack/library")
	compile.Dir = filepath.Join("..", "..")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	u := newUser(t)
	u.builder()
	image := need(t, "E2E_REGISTRY") + "/library:1"
	line := u.run("", nil, program, dockerfile(t, "FROM scratch", "COPY Dockerfile /"), image).ok().line1()
	if !strings.HasPrefix(line, image+"@sha256:") {
		t.Errorf("it prints %q", line)
	}
}
