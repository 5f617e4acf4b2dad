package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// provider makes the builder of a build.
type provider struct {
	factory *factory
	options *buildOptions
}

// provide installs the default builder where there is none, and restores one whose Pod is gone or
// whose certificates have ended. It returns err, which is why the connection failed, where it does
// neither.
func (p *provider) provide(ctx context.Context, err error) (installed bool, _ error) {
	f, o := p.factory, p.options
	var notFound *cluster.NotFoundError
	switch {
	case !o.install:
		return false, err
	case errors.As(err, &notFound):
		if o.connect.named || len(notFound.Others) > 0 {
			return false, err
		}
		return true, f.installDefault(ctx, o, notFound)
	case driver.Restorable(err):
		return false, f.restore(ctx, o.connect.builder, err)
	}
	return false, err
}

// installDefault reports where it puts what, and asks the user at a terminal: it may be the wrong
// cluster.
func (f *factory) installDefault(ctx context.Context, o *buildOptions, notFound *cluster.NotFoundError) error {
	what := f.podsOf(builder.Spec{Name: notFound.Name})
	if !o.installAsked && f.streams.Interactive() {
		question := fmt.Sprintf("No builder in %s. Install %q, %s?", f.place(notFound.Namespace), notFound.Name, what)
		agreed, err := f.streams.Confirm(ctx, question)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !agreed {
			return notFound
		}
	} else {
		escape.Fprintf(f.streams.ErrOut, "no builder in %s: installing %q, %s (--install=false forbids it)\n",
			f.place(notFound.Namespace), notFound.Name, what)
	}
	_, err := installBuilder(ctx, f, notFound.Name, install.Keep, install.Options{Timeout: defaultInstallTimeout})
	return err
}

// restore installs the builder again as its stored settings say.
func (f *factory) restore(ctx context.Context, name string, cause error) error {
	c, err := f.Cluster()
	if err != nil {
		return err
	}
	spec, err := install.StoredSpec(ctx, c, name)
	if err == nil {
		escape.Fprintf(f.streams.ErrOut, "%s: restoring builder %q with its settings, %s, in %s (--install=false forbids it)\n",
			reasonToRestore(cause), name, f.podsOf(spec), f.place(c.Namespace()))
		_, err = installBuilder(ctx, f, name, install.Keep, install.Options{Timeout: defaultInstallTimeout})
	}
	var (
		partial   *install.PartialSettingsError
		forbidden *kube.ForbiddenError
	)
	if errors.As(err, &forbidden) || errors.As(err, &partial) {
		return &driver.UnrestoredError{Name: name, Namespace: c.Namespace(), Cause: cause, Err: err}
	}
	return err
}

// reasonToRestore is why, without the builder's name.
func reasonToRestore(cause error) string {
	var (
		notReady *cluster.NotReadyError
		expired  *cluster.ExpiredError
	)
	switch {
	case errors.As(cause, &notReady) && notReady.Reason == cluster.ReasonMissing:
		return notReady.Message
	case errors.As(cause, &notReady):
		return fmt.Sprintf("Pod %q has ended (%s)", notReady.Pod, notReady.Reason)
	case errors.As(cause, &expired):
		if expired.Pod != "" {
			return fmt.Sprintf("the certificates that Pod %q uses ended on %s", expired.Pod, expired.End.Format(time.DateOnly))
		}
		return expired.Err.Error()
	}
	return cause.Error()
}

// podsOf says what the members of a builder are, e.g. "a privileged Pod".
func (f *factory) podsOf(spec builder.Spec) string {
	spec = spec.WithDefaults()
	if spec.Replicas > 1 {
		return fmt.Sprintf("%d %s Pods", spec.Replicas, spec.RunMode())
	}
	return fmt.Sprintf("a %s Pod", spec.RunMode())
}

// place names a namespace and, where a kubeconfig says it, the context.
func (f *factory) place(namespace string) string {
	if name := f.Context(); name != "" {
		return fmt.Sprintf("namespace %q of context %q", namespace, name)
	}
	return fmt.Sprintf("namespace %q", namespace)
}
