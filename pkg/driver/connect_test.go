package driver

import (
	"testing"
	"testing/synctest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func TestConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := testcluster.New(t)
		defer c.Close()
		c.Install(builder.Spec{})
		d := New(c.Config(), testcluster.Namespace)
		conn, err := d.Connect(t.Context(), ConnectOptions{Transport: tunnel.SPDY})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		version, err := conn.Daemon.Version(t.Context())
		if err != nil || version != "v9.8.7" {
			t.Errorf("version %q, %v", version, err)
		}
		t.Log(c.Requests())
	})
}
