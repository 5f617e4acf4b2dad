package install_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

func memoryLimit() builder.Spec {
	return builder.Spec{Mode: builder.ModeRootless, Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}
}

// What is left of a builder after deletions by hand: the settings are not lost, and not used before
// they are agreed to.
func TestSettingsOfADamagedBuilderAreKept(t *testing.T) {
	for name, gone := range map[string][]string{
		"server Secret and Pod":   {"secrets/buildkitd-server", "pods/buildkitd"},
		"both Secrets and Pod":    {"secrets/buildkitd-server", "secrets/buildkitd-client", "pods/buildkitd"},
		"client Secret and Pod":   {"secrets/buildkitd-client", "pods/buildkitd"},
		"server Secret, Pod here": {"secrets/buildkitd-server"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := testcluster.New(t)
				defer c.Close()
				c.Install(memoryLimit())
				client := clientOf(t, c)
				before := &corev1.Secret{}
				if err := client.Get(t.Context(), kube.KindSecret, "buildkitd-client", before); err != nil {
					t.Fatal(err)
				}
				for _, each := range gone {
					kind, object, _ := strings.Cut(each, "/")
					c.Delete(kind, object)
				}
				no := errors.New("no")
				var plan install.Plan
				options := install.Options{NoWait: true, Confirm: func(_ context.Context, p install.Plan) error { plan = p; return no }}
				_, err := install.Run(t.Context(), client, "buildkitd", install.Keep, options, nil)
				unproven := len(gone) > 1 && gone[0] == "secrets/buildkitd-server"
				if !errors.Is(err, no) || (plan.Unproven != nil) != unproven {
					t.Fatalf("unproven %v (%v)", plan.Unproven, err)
				}
				shown := slices.ContainsFunc(plan.Differences, func(d builder.Difference) bool { return slices.Equal(d.New, []string{"memory=1Gi"}) })
				if shown != unproven || plan.New {
					t.Errorf("the plan is new %t and lists %v", plan.New, plan.Differences)
				}
				if _, err := install.Run(t.Context(), client, "buildkitd", install.Keep, install.Options{NoWait: true}, nil); unproven {
					if unowned := (*install.UnownedError)(nil); !errors.As(err, &unowned) {
						t.Fatalf("without a question: %v", err)
					}
				}
				options.Confirm = func(context.Context, install.Plan) error { return nil }
				outcome, err := install.Run(t.Context(), client, "buildkitd", install.Keep, options, nil)
				stored, storedErr := install.StoredSpec(t.Context(), client, "buildkitd")
				if err = errors.Join(err, storedErr); err != nil || !stored.Rootless() || stored.Limits.Memory().String() != "1Gi" {
					t.Fatalf("settings: %+v (%v)", stored.Settings(), err)
				}
				after := &corev1.Secret{}
				if err := client.Get(t.Context(), kube.KindSecret, "buildkitd-client", after); err != nil {
					t.Fatal(err)
				}
				if unproven && bytes.Equal(before.Data["ca.crt"], after.Data["ca.crt"]) {
					t.Errorf("certificates of unknown origin are used: renewed %t", outcome.Renewed)
				}
			})
		})
	}
}

// Settings alone, as an install that was killed leaves them, need no question if they are what is
// asked for.
func TestInstallGoesOnAfterOneThatWasKilled(t *testing.T) {
	for name, test := range map[string]struct {
		edit  install.Edit
		asked bool
	}{
		"the same again":    {func(builder.Spec) (builder.Spec, error) { return memoryLimit().WithDefaults(), nil }, false},
		"without its flags": {install.Keep, true},
		"reset": {func(s builder.Spec) (builder.Spec, error) {
			return builder.Spec{Name: s.Name, Namespace: s.Namespace}, nil
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := testcluster.New(t)
			defer c.Close()
			c.Install(memoryLimit())
			for _, each := range []string{"buildkitd-server", "buildkitd-client"} {
				c.Delete("secrets", each)
			}
			c.Delete("pods", "buildkitd")
			var plan install.Plan
			_, err := install.Run(t.Context(), clientOf(t, c), "buildkitd", test.edit, install.Options{
				NoWait: true, Confirm: func(_ context.Context, p install.Plan) error { plan = p; return nil },
			}, nil)
			if err != nil || (plan.Unproven != nil) != test.asked {
				t.Errorf("unproven: %v (%v)", plan.Unproven, err)
			}
		})
	}
}
