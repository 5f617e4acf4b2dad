package install_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

// An install whose members another one replaces, or removes, ends soon and leaves the other's work
// alone, in place of waiting for them until its timeout.
func TestInstallThatIsOvertakenEnds(t *testing.T) {
	for name, test := range map[string]struct {
		other install.Edit
		image string
	}{
		"other settings": {image("v3"), "v3"},
		"the former":     {image(""), ""},
		"fewer members":  {edit(func(s *builder.Spec) { s.Replicas = 2 }), "v2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := set(t, three())
				c.locked(func() { c.drain = time.Minute })
				client := clientOf(t, c.Cluster)
				other := make(chan error, 1)
				time.AfterFunc(10*time.Second, func() {
					_, err := install.Run(t.Context(), client, "buildkitd", test.other, install.Options{}, nil)
					other <- err
				})
				begin := time.Now()
				_, err := install.Run(t.Context(), client, "buildkitd", image("v2"), install.Options{}, nil)
				var superseded *install.SupersededError
				if took := time.Since(begin); !errors.As(err, &superseded) || took > 15*time.Second {
					t.Errorf("got %v after %s", err, took)
				}
				if err := <-other; err != nil {
					t.Error(err)
				}
				if spec, rolling := c.stored(); spec.Image != test.image || rolling {
					t.Errorf("stored %q, rolling %t", spec.Image, rolling)
				}
			})
		})
	}
}

// So does one whose set another user removes.
func TestInstallWhoseSetIsRemovedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := set(t, three())
		c.locked(func() { c.drain = time.Minute })
		time.AfterFunc(10*time.Second, func() { c.locked(func() { c.Delete("statefulsets", "buildkitd") }) })
		begin := time.Now()
		_, err := install.Run(t.Context(), clientOf(t, c.Cluster), "buildkitd", image("v2"), install.Options{}, nil)
		var start *install.StartError
		if took := time.Since(begin); !errors.As(err, &start) || start.Reason != install.ReasonDeleted || took > 30*time.Second {
			t.Errorf("got %v after %s", err, took)
		}
	})
}
