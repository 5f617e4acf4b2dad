package driver

import (
	"context"
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

// questions are the ways to ask a daemon other than by a build, which has retries.
func questions(w *world) map[string]func(context.Context) error {
	version := func(ctx context.Context, c *Connection) (string, error) { return c.Daemon.Version(ctx) }
	resolved := func(ctx context.Context, ask func(cluster.Member, *cluster.Connection) error) error {
		c, err := w.driver.Cluster()
		if err != nil {
			return err
		}
		at, err := c.Locate(ctx, builder.DefaultName, false)
		if err != nil {
			return err
		}
		member, err := c.Choose(ctx, at, cluster.Selection{})
		if err != nil {
			return err
		}
		return ask(member, at.Connection)
	}
	return map[string]func(context.Context) error{
		"all members": func(ctx context.Context) error {
			_, err := AskMembers(ctx, w.driver, options(), version)
			return err
		},
		"one member": func(ctx context.Context) error {
			return resolved(ctx, func(member cluster.Member, certificates *cluster.Connection) error {
				_, err := Ask(ctx, w.driver, options(), member, certificates, version)
				return err
			})
		},
		"check": func(ctx context.Context) error {
			return resolved(ctx, func(member cluster.Member, certificates *cluster.Connection) error {
				_, err := w.driver.Info(ctx, tunnel.SPDY, member, certificates)
				return err
			})
		},
	}
}

// A container runs a moment before its daemon listens.
func TestDaemonsThatStartAreAwaited(t *testing.T) {
	for _, name := range []string{"all members", "one member", "check"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				ask := questions(w)[name]
				w.daemons[builder.DefaultName].Stop()
				began := time.Now()
				if err := ask(t.Context()); err == nil || time.Since(began) >= startTimeout {
					t.Errorf("a daemon that listened once: %v after %v", err, time.Since(began))
				}
				w.Run(builder.DefaultName)
				began = time.Now()
				var refused *tunnel.ConnRefusedError
				if err := ask(t.Context()); !errors.As(err, &refused) || errors.As(err, new(*LostError)) {
					t.Errorf("a daemon that never listens: %v; want a ConnRefusedError", err)
				}
				if took := time.Since(began); took < startTimeout || took > 2*startTimeout {
					t.Errorf("given up after %v, want %v", took, startTimeout)
				}
				secret := &corev1.Secret{}
				w.Read("secrets", builder.ServerSecretName(builder.DefaultName), secret)
				w.after(3*time.Second, func() { w.Start(builder.DefaultName, manifest.Certificates(secret)) })
				if err := ask(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
