package install_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// The faster one decides about the certificates, so that server and clients always fit one another.
func TestTwoInstallsAtOnceAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 10 {
			server := testcluster.New(t)
			server.OnPod(server.Run)
			var both sync.WaitGroup
			outcomes := make([]install.Outcome, 2)
			for n := range outcomes {
				both.Go(func() {
					var err error
					if outcomes[n], err = install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
			if string(outcomes[0].Connection.CA) != string(outcomes[1].Connection.CA) {
				t.Error("they hold different certificates")
			}
			if outcomes[0].Members[0].UID != outcomes[1].Members[0].UID {
				t.Error("one has replaced the other's Pod")
			}
		}
	})
}
