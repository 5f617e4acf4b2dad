package tunnel_test

import (
	"errors"
	"io"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func TestContainerWithoutTheCommand(t *testing.T) {
	for name, test := range map[string]struct {
		words string
		lacks bool
	}{
		"runc":         {`OCI runtime exec failed: exec failed: unable to start container process: exec: "buildctl": executable file not found in $PATH`, true},
		"crun":         {"executable file `buildctl` not found in $PATH: No such file or directory", true},
		"another file": {`exec: "sh": executable file not found in $PATH`, false},
		"its socket":   {"connect: no such file or directory", false},
	} {
		for _, webSocket := range []bool{true, false} {
			server := execServer(t, webSocket, func(_ io.Reader, _, stderr io.Writer) int {
				_, _ = io.WriteString(stderr, test.words)
				return 127
			})
			conn, err := tunnel.Dialer{Config: server.config(), Transport: tunnel.Exec}.Dial(t.Context(), target())
			if err == nil {
				_, err = io.ReadAll(conn)
				_ = conn.Close()
			}
			var command *tunnel.CommandNotFoundError
			if errors.As(err, &command) != test.lacks || test.lacks && (command.Command != "buildctl" || !command.Permanent()) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
}
