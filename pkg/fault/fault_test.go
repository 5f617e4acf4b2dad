package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

type classified struct{ class fault.Class }

func (c classified) Error() string      { return string(c.class) }
func (c classified) Class() fault.Class { return c.class }

type wrapping struct{ err error }

func (w wrapping) Error() string      { return w.err.Error() }
func (w wrapping) Unwrap() error      { return w.err }
func (w wrapping) Class() fault.Class { return fault.Or(w.err, fault.Unavailable) }

func TestOf(t *testing.T) {
	plain, denied, failed := errors.New("x"), classified{fault.Denied}, classified{fault.Failed}
	for name, test := range map[string]struct {
		err  error
		want fault.Class
	}{
		"nil":                        {nil, fault.Unknown},
		"no class":                   {plain, fault.Unknown},
		"its own":                    {denied, fault.Denied},
		"wrapped":                    {fmt.Errorf("a: %w", denied), fault.Denied},
		"the nearest":                {fmt.Errorf("a: %w, %w", fmt.Errorf("b: %w", denied), failed), fault.Denied},
		"joined with one without":    {errors.Join(plain, failed), fault.Failed},
		"that of its cause":          {wrapping{denied}, fault.Denied},
		"of a cause that has none":   {wrapping{plain}, fault.Unavailable},
		"of a cause far below":       {wrapping{wrapping{fmt.Errorf("a: %w", failed)}}, fault.Failed},
		"of a cause that is unknown": {wrapping{classified{}}, fault.Unavailable},
	} {
		if got := fault.Of(test.err); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}
