package family_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/family"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// Several users install the same at once, and none of them removes what another relies on.
func TestFamilyIsInstalledByManyAtOnce(t *testing.T) {
	for range 3 {
		synctest.Test(t, func(t *testing.T) {
			server := testcluster.New(t)
			nodes(server, "amd64", "386")
			server.OnPod(server.Ready)
			errs := make(chan error)
			for range 4 {
				go func() {
					_, err := family.Install(t.Context(), clientOf(t, server), "ci", platforms("linux/amd64", "linux/386"), install.Options{}, nil)
					errs <- err
				}()
			}
			for range 4 {
				if err := <-errs; err != nil {
					t.Errorf("%v", err)
				}
			}
			if got := installed(server); !slices.Equal(got, objectsOf("ci", "ci-386")) {
				t.Errorf("there are %v", got)
			}
		})
	}
}

// One that fails leaves alone what it found, though it had to be made when it began.
func TestFailedInstallLeavesBuildersOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		nodes(server, "amd64", "386")
		slow, first := make(chan struct{}), true
		server.OnPod(server.Ready)
		wanted := platforms("linux/amd64", "linux/386")
		late := install.Options{Confirm: func(context.Context, install.Plan) error {
			if first {
				first = false
				<-slow
			}
			return nil
		}}
		failed := make(chan error)
		go func() {
			_, err := family.Install(t.Context(), clientOf(t, server), "ci", edit(func(s *builder.Spec) {
				s.Platforms, s.Image = []string{"linux/amd64", "linux/386"}, "registry.local/v2"
			}), late, nil)
			failed <- err
		}()
		synctest.Wait()
		mustInstall(t, server, wanted)
		broken(server, "ci-386", "registry.local/v2")
		close(slow)
		if err := <-failed; err == nil {
			t.Error("the image that is not found starts")
		}
		if got := installed(server); !slices.Equal(got, objectsOf("ci", "ci-386")) {
			t.Errorf("there are %v", got)
		}
	})
}

// broken makes the Pods of one builder unable to start while they have that image.
func broken(server *testcluster.Cluster, builderName, image string) {
	server.OnPod(func(name string) {
		text, _ := json.Marshal(server.Object("pods", name))
		if name == builderName && strings.Contains(string(text), image) {
			server.Set("pods", name, testcluster.Waiting("ErrImagePull", "not found"))
			return
		}
		server.Ready(name)
	})
}

func TestFamilyThatFailsIsTakenBack(t *testing.T) {
	for _, name := range []string{"ci", "ci-386", "ci-arm"} {
		synctest.Test(t, func(t *testing.T) {
			server := testcluster.New(t)
			nodes(server, "amd64", "386", "arm")
			broken(server, name, "moby")
			_, err := family.Install(t.Context(), clientOf(t, server), "ci", platforms("linux/amd64", "linux/386", "linux/arm/v7"), install.Options{}, nil)
			var start *install.StartError
			if !errors.As(err, &start) || start.Name != name || len(start.Remaining) > 0 {
				t.Errorf("%s: got %v", name, err)
			}
			var failed *family.Error
			made := map[string][]string{"ci": {"ci-386", "ci-arm"}, "ci-386": nil, "ci-arm": {"ci-386"}}[name]
			if errors.As(err, &failed) && (!slices.Equal(failed.Removed, made) || len(failed.Restored)+len(failed.Left) > 0) || failed == nil && len(made) > 0 {
				t.Errorf("%s: %+v", name, failed)
			}
			if left := installed(server); len(left) > 0 {
				t.Errorf("%s: there are %v", name, left)
			}
		})
	}
}

// The others get their former settings, and a platform that was to be added is not listed.
func TestFamilyThatFailsToChangeIsRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		nodes(server, "amd64", "386", "arm")
		server.OnPod(server.Ready)
		mustInstall(t, server, platforms("linux/amd64", "linux/386"))
		broken(server, "ci", "registry.local/v2")
		change := edit(func(s *builder.Spec) { s.Image, s.Platforms = "registry.local/v2", append(s.Platforms, "linux/arm/v7") })
		_, err := family.Install(t.Context(), clientOf(t, server), "ci", change, install.Options{}, nil)
		var failed *family.Error
		if !errors.As(err, &failed) || failed.Builder != "ci" || !slices.Equal(failed.Restored, []string{"ci-386"}) || !slices.Equal(failed.Removed, []string{"ci-arm"}) || len(failed.Left) > 0 {
			t.Fatalf("got %v: %+v", err, failed)
		}
		if got := installed(server); !slices.Equal(got, objectsOf("ci", "ci-386")) {
			t.Errorf("there are %v", got)
		}
		if got := document(t, server, "ci"); len(got) != 2 {
			t.Errorf("the document lists %+v", got)
		}
		spec, err := install.StoredSpec(t.Context(), clientOf(t, server), "ci-386")
		if err != nil || spec.Image != "" {
			t.Errorf("ci-386 has the image %q (%v)", spec.Image, err)
		}
	})
}

// After a timeout the builder itself may still come up, and names the others.
func TestFamilyWhoseFirstBuilderIsSlowIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		nodes(server, "amd64", "386")
		server.OnPod(func(name string) {
			if name != "ci" {
				server.Ready(name)
			}
		})
		_, err := family.Install(t.Context(), clientOf(t, server), "ci", platforms("linux/amd64", "linux/386"), install.Options{}, nil)
		var start *install.StartError
		if !errors.As(err, &start) || start.Reason != install.ReasonTimeout {
			t.Fatalf("got %v", err)
		}
		if got := installed(server); !slices.Equal(got, objectsOf("ci", "ci-386")) {
			t.Errorf("there are %v", got)
		}
	})
}
