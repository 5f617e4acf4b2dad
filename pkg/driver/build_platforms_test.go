package driver

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	controlapi "github.com/moby/buildkit/api/services/control"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

const further = pod + "-386"

// twoArchitectures makes a builder one of a family for two architectures, and it emulates a third.
func twoArchitectures(s *builder.Spec) {
	s.Platforms, s.Emulate = []string{"linux/amd64", "linux/386", "linux/s390x"}, []string{"linux/s390x"}
}

// addFamily adds the other builder of the family. The daemon that gets a build is noted.
func addFamily(w *world, built func(name string)) {
	spec := builder.Spec{Name: pod}
	twoArchitectures(&spec)
	for _, each := range spec.Further() {
		maps.Copy(w.daemons, w.Install(each))
	}
	for name, daemon := range w.daemons {
		daemon.OnSolve = func(ctx context.Context, r *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			built(name)
			return made(ctx, r)
		}
	}
}

// platform asks for a build for these, of a Dockerfile.
func platform(t *testing.T, dockerfile string, names ...string) BuildOptions {
	t.Helper()
	return building(t, func(o *BuildOptions) {
		o.Request.Platforms = names
		if err := os.WriteFile(filepath.Join(o.Request.Path, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

// A build for one platform goes to the builder of the family that has its nodes.
func TestOnePlatformGoesToItsBuilder(t *testing.T) {
	const runs, copies = "FROM scratch\nRUN make\n", "FROM --platform=$BUILDPLATFORM scratch AS x\nRUN make\nFROM scratch\nCOPY --from=x / /\n"
	for _, test := range []struct{ platform, dockerfile, want string }{
		{"linux/amd64", runs, pod},
		{"linux/386", runs, further},
		{"linux/amd64/v2", runs, pod},
		{"linux/s390x", runs, pod}, // emulated there
		{"linux/arm64", copies, pod},
	} {
		inBubble(t, twoArchitectures, func(t *testing.T, w *world) {
			var got []string
			addFamily(w, func(name string) { got = append(got, name) })
			_, err := w.driver.Build(t.Context(), platform(t, test.dockerfile, test.platform))
			if err != nil || !slices.Equal(got, []string{test.want}) {
				t.Errorf("%s: built by %q, %v; want %s", test.platform, got, err, test.want)
			}
		})
	}
}

// Nothing is built where no member of the family can run the steps.
func TestMissingPlatform(t *testing.T) {
	inBubble(t, twoArchitectures, func(t *testing.T, w *world) {
		addFamily(w, func(name string) { t.Errorf("%s has built", name) })
		_, err := w.driver.Build(t.Context(), platform(t, "FROM scratch\nRUN make\n", "linux/amd64", "linux/arm64", "linux/riscv64"))
		var missing *MissingPlatformError
		if !errors.As(err, &missing) || !slices.Equal(missing.Missing, []string{"linux/arm64", "linux/riscv64"}) ||
			!strings.Contains(err.Error(), "builds for linux/amd64, linux/386, linux/s390x; it has no members") {
			t.Errorf("got %v", err)
		}
	})
}

// A builder that was installed for no platform only warns of them, as it always did.
func TestBuilderWithoutPlatformsWarns(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		if _, err := w.driver.Build(t.Context(), platform(t, "FROM scratch\nRUN make\n", "linux/arm64")); err != nil {
			t.Fatal(err)
		}
		w.noted(t, "RUN steps for linux/arm64 need emulation")
	})
}
