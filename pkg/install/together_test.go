package install_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// Two first installs with other flags: wherever the second one comes in between, the builder has
// what both asked for.
func TestInstallsAtOnceKeepTheSettingsOfBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		labels := func(key string) install.Edit {
			return func(s builder.Spec) (builder.Spec, error) {
				return s.With(builder.Spec{Labels: map[string]string{key: "x"}}, "label"), nil
			}
		}
		for at := range 25 {
			c := testcluster.New(t)
			client := clientOf(t, c)
			var requests atomic.Int32
			var other atomic.Bool
			c.Refuse(func(*http.Request, string, string) *metav1.Status {
				if int(requests.Add(1)) == at+1 && other.CompareAndSwap(false, true) {
					_, err := install.Run(t.Context(), client, "buildkitd", labels("second"), install.Options{NoWait: true}, nil)
					var unowned *install.UnownedError // the first one stands still here, after its first write
					if other.Store(err == nil); err != nil && !errors.As(err, &unowned) {
						t.Errorf("the second, at request %d: %v", at, err)
					}
					requests.Store(1000)
				}
				return nil
			})
			_, err := install.Run(t.Context(), client, "buildkitd", labels("first"), install.Options{NoWait: true}, nil)
			stored, storedErr := install.StoredSpec(t.Context(), client, "buildkitd")
			if err != nil || storedErr != nil || stored.Labels["first"] == "" || other.Load() && stored.Labels["second"] == "" {
				t.Errorf("the second at request %d: stored %v (%v, %v)", at, stored.Labels, err, storedErr)
			}
			c.Close()
		}
	})
}

// What an error lists as still there is there, also when another user uninstalls meanwhile.
func TestWhatAnUninstallRemovedIsNotStillThere(t *testing.T) {
	c := testcluster.New(t)
	defer c.Close()
	c.Install(builder.Spec{})
	c.StartEveryPod("buildkitd")
	client := clientOf(t, c)
	_, err := install.Run(t.Context(), client, "buildkitd", func(s builder.Spec) (builder.Spec, error) {
		return s.With(builder.Spec{Labels: map[string]string{"a": "b"}}, "label"), nil
	}, install.Options{Timeout: 5 * time.Second, Probe: func(context.Context, cluster.Member, *cluster.Connection) error {
		for _, each := range []string{"roles/buildkitd-user", "configmaps/buildkitd-config", "secrets/buildkitd-server", "secrets/buildkitd-client", "pods/buildkitd"} {
			kind, name, _ := strings.Cut(each, "/")
			c.Delete(kind, name)
		}
		return errors.New("refused")
	}}, nil)
	var start *install.StartError
	if !errors.As(err, &start) || len(start.Remaining) > 0 || !slices.Equal(c.Names(), nil) {
		t.Errorf("got %v, still there %v", err, start)
	}
}
