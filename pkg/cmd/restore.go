package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// provider makes the builder of a build.
type provider struct {
	factory *factory
	options *buildOptions
}

// Provide installs the default builder where there is none, and restores one whose Pod is gone or whose certificates have
// ended. It returns err, which is why there is no connection, where it does neither.
func (p *provider) Provide(ctx context.Context, err error) (installed bool, _ error) {
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
	case restorable(err):
		return false, f.restore(ctx, o.connect.builder, err)
	}
	return false, err
}

// restorable reports whether installing the builder again, with its settings, is what helps.
func restorable(err error) bool {
	var (
		notReady *cluster.NotReadyError
		expired  *cluster.ExpiredError
	)
	return errors.As(err, &notReady) && (notReady.Reason == cluster.ReasonMissing || notReady.Ended) || errors.As(err, &expired)
}

// installDefault says where it puts what, and asks whoever sits at a terminal: it may be the wrong cluster.
func (f *factory) installDefault(ctx context.Context, o *buildOptions, notFound *cluster.NotFoundError) error {
	what := f.podsOf(builder.Spec{Name: notFound.Name})
	if !o.installAsked && f.interactive() {
		question := fmt.Sprintf("No builder in %s. Install %q, %s?", f.place(notFound.Namespace), notFound.Name, what)
		agreed, err := f.confirmed(ctx, question)
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
	_, err := install(ctx, f, notFound.Name, cluster.Keep, cluster.InstallOptions{Timeout: defaultInstallTimeout})
	return err
}

// restore installs the builder again as its stored settings say.
func (f *factory) restore(ctx context.Context, name string, cause error) error {
	c, err := f.Cluster()
	if err != nil {
		return err
	}
	spec, err := c.StoredSpec(ctx, name)
	if err == nil {
		escape.Fprintf(f.streams.ErrOut, "%s: restoring builder %q with its settings, %s, in %s (--install=false forbids it)\n",
			reasonToRestore(cause), name, f.podsOf(spec), f.place(c.Namespace()))
		_, err = install(ctx, f, name, cluster.Keep, cluster.InstallOptions{Timeout: defaultInstallTimeout})
	}
	var partial *cluster.PartialSettingsError
	if refusedToSay(err) || errors.As(err, &partial) {
		return &unrestoredError{name: name, namespace: c.Namespace(), cause: cause, err: err}
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
		return fmt.Sprintf("%d %s Pods", spec.Replicas, spec.Mode())
	}
	return fmt.Sprintf("a %s Pod", spec.Mode())
}

// place names a namespace and, where a kubeconfig says it, the context.
func (f *factory) place(namespace string) string {
	if name := f.Context(); name != "" {
		return fmt.Sprintf("namespace %q of context %q", namespace, name)
	}
	return fmt.Sprintf("namespace %q", namespace)
}

// unrestoredError is returned for a builder that a build may not restore, or not as it was.
type unrestoredError struct {
	name, namespace string
	cause           error // why the builder cannot be used
	err             error // a *kube.ForbiddenError or a *cluster.PartialSettingsError
}

func (e *unrestoredError) Error() string {
	return fmt.Sprintf("%v; it was not restored: %v", e.cause, e.err)
}

func (e *unrestoredError) Unwrap() error { return e.cause }

func explainUnrestored(err error) (failure, bool) {
	const withFlags = ", with the flags that it was installed with"
	var (
		unrestored *unrestoredError
		partial    *cluster.PartialSettingsError
	)
	switch {
	case errors.As(err, &partial):
		return failure{text: partial.Error(), next: reinstall(partial.Name, partial.Namespace) + withFlags, code: exitNoBuilder}, true
	case !errors.As(err, &unrestored):
		return failure{}, false
	}
	next := "ask an administrator to run: " + reinstall(unrestored.name, unrestored.namespace)
	if errors.As(unrestored.err, &partial) {
		next = reinstall(unrestored.name, unrestored.namespace) + withFlags
	}
	return failure{text: unrestored.Error(), next: next, code: exitNoBuilder}, true
}

// reinstall makes a builder again as its stored settings say.
func reinstall(name, namespace string) string {
	return fmt.Sprintf("kubectl buildkit install %s -n %s", name, namespace)
}
