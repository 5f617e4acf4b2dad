package buildcontext

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

func TestDockerfileFromPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	_, err = writer.WriteString("FROM scratch")
	if err := errors.Join(err, writer.Close()); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("/proc/self/fd/%d", reader.Fd())
	opt := applied(t, input{Path: t.TempDir(), Dockerfile: name}, Environment{})
	if got := read(t, opt, "dockerfile")["Dockerfile"]; got != "FROM scratch" {
		t.Errorf("the Dockerfile is %q", got)
	}
}
