package driver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/proxy"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func threeMembers(s *builder.Spec) { s.Replicas = 3 }

func TestConnect(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		d := New(w.Config(), testcluster.Namespace)
		c, err := d.Connect(t.Context(), ConnectOptions{Transport: tunnel.SPDY})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if version, err := c.Daemon.Version(t.Context()); err != nil || version != "v9.8.7" {
			t.Errorf("version %q, %v", version, err)
		}
		namespace, err := d.Namespace()
		host, hostErr := d.Host()
		if err := errors.Join(err, hostErr); err != nil || namespace != testcluster.Namespace || host != "http://127.0.0.1:1" || d.Context() != "" {
			t.Errorf("%q at %q, %v", namespace, host, err)
		}
	})
}

// One affinity leads to one member, as long as that has the certificates of the builder.
func TestMembersWithOtherCertificatesArePassedOver(t *testing.T) {
	inBubble(t, threeMembers, func(t *testing.T, w *world) {
		o := options()
		o.Affinity = "/home/me/app"
		first, err := w.driver.Connect(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		_ = first.Close()
		other, err := trust.Issue(time.Now(), pod)
		if err != nil {
			t.Fatal(err)
		}
		w.daemons[first.Member.Pod].Stop()
		w.Start(first.Member.Pod, other)
		second, err := w.driver.Connect(t.Context(), o)
		if err != nil || second.Member.Pod == first.Member.Pod {
			t.Fatalf("connected to %+v, %v", second, err)
		}
		_ = second.Close()
	})
}

// A Pod without certificates is reached over its socket, and that is reported once.
func TestUnmanagedBuilders(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.Put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "mine"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "buildkitd"}}}})
		w.Start("mine", nil)
		o := options()
		o.Builder = "mine"
		for range 2 {
			c, err := w.driver.Connect(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if !c.Member.Adopted || c.Certificates != nil {
				t.Errorf("connected to %+v", c.Member)
			}
			_ = c.Close()
		}
		w.noted(t, `warning: builder "mine" is unmanaged and not authenticated`)
		if len(w.notices) != 1 {
			t.Errorf("notices %q", w.notices)
		}
		if _, _, err := w.driver.dialOf(tunnel.Dialer{}, nil, cluster.Member{Pod: "p"}, nil); err == nil {
			t.Error("a managed member is dialed without certificates")
		}
	})
}

func TestCertificatesAreRenewed(t *testing.T) {
	for name, test := range map[string]struct {
		wait   time.Duration
		denied bool
		says   string
	}{
		"in time":      {310 * 24 * time.Hour, false, "were renewed until"},
		"not by you":   {340 * 24 * time.Hour, true, "renewing them failed"},
		"not due":      {24 * time.Hour, false, ""},
		"not yet, too": {310 * 24 * time.Hour, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				time.Sleep(test.wait)
				if test.denied {
					w.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
						if r.Method != http.MethodGet && kind == "secrets" || name == builder.ServerSecretName(pod) {
							return testcluster.Forbidden("patch", kind, name)
						}
						return nil
					})
				}
				o := options()
				o.Renew = true
				c, err := w.driver.Connect(t.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = c.Close() }()
				if test.says != "" {
					w.noted(t, test.says)
				} else if len(w.notices) != 0 {
					t.Errorf("notices %q", w.notices)
				}
			})
		})
	}
}

func TestClocks(t *testing.T) {
	for skew, want := range map[time.Duration]string{3 * time.Minute: "it is 3m ahead of the API server", -2 * time.Hour: "it is 120m behind the API server"} {
		if got := ClockIs(skew); got != want {
			t.Errorf("%v: %q, want %q", skew, got, want)
		}
	}
}

func TestInfoOfOneMember(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		c := w.connect(t)
		info, err := w.driver.Info(t.Context(), tunnel.SPDY, c.Member, c.Certificates)
		if err != nil || info.Version != "v9.8.7" {
			t.Errorf("%+v, %v", info, err)
		}
		if _, err := w.driver.Info(t.Context(), tunnel.SPDY, c.Member, nil); err == nil {
			t.Error("a port is asked without certificates")
		}
	})
}

func TestAskMembers(t *testing.T) {
	inBubble(t, threeMembers, func(t *testing.T, w *world) {
		w.daemons["buildkitd-1"].Stop()
		answers, err := AskMembers(t.Context(), w.driver, options(), func(ctx context.Context, c *Connection) (string, error) {
			return c.Daemon.Version(ctx)
		})
		var silent *NoAnswerError
		if len(answers) != 2 || answers[1].Member.Pod != "buildkitd-2" || !errors.As(err, &silent) || silent.Silent[0].Member.Pod != "buildkitd-1" {
			t.Errorf("got %+v, %v", answers, err)
		}
		version, err := Ask(t.Context(), w.driver, options(), answers[0].Member, w.connect(t).Certificates, func(ctx context.Context, c *Connection) (string, error) {
			return c.Daemon.Version(ctx)
		})
		if err != nil || version != "v9.8.7" {
			t.Errorf("%q, %v", version, err)
		}
		missing := options()
		missing.Builder = "none"
		if _, err := AskMembers(t.Context(), w.driver, missing, func(context.Context, *Connection) (int, error) { return 0, nil }); !is[*cluster.NotFoundError](err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestInstallAndUninstall(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.StartEveryPod("new")
		outcome, err := w.driver.Install(t.Context(), "new", install.Keep, install.Options{})
		if err != nil || outcome.Change != install.Created {
			t.Fatalf("%v, %v", outcome.Change, err)
		}
		w.noted(t, "new")
		// What is lost needs an agreement.
		plan := install.Plan{Name: pod, Namespace: testcluster.Namespace, Losses: []install.Loss{{Member: w.connect(t).Member}}}
		var lossy *LossError
		if err := refuseLosses(t.Context(), plan); !errors.As(err, &lossy) || lossy.Error() == "" {
			t.Errorf("got %v", err)
		}
		if held := w.driver.Holdings(t.Context(), plan); len(held) != 1 || !held[0].Known || held[0].Cache != 2 || held[0].Bytes != 12 {
			t.Errorf("it holds %+v", held)
		}
		if held := w.driver.Holdings(t.Context(), install.Plan{}); len(held) != 0 {
			t.Errorf("nothing holds %+v", held)
		}
		removal, err := w.driver.Uninstall(t.Context(), "new", install.UninstallOptions{NoWait: true})
		if err != nil || len(removal.Removed) == 0 {
			t.Errorf("removed %v, %v", removal, err)
		}
	})
}

// Connections of a relay lead to one member, and are led to another where that has ended.
func TestRelay(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		relay := w.driver.Relay(ConnectOptions{Transport: tunnel.SPDY})
		member, version, err := relay.Probe(ctx)
		if err != nil || version != "v9.8.7" || member.Pod != pod {
			t.Fatalf("%+v, %q, %v", member, version, err)
		}
		conn, err := relay.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second) // the watch has begun
		w.Delete("pods", pod)
		_, err = io.Copy(io.Discard, conn)
		if err = relay.Explain(ctx, err); !is[*LostError](err) {
			t.Errorf("the connection ends with %v", err)
		}
		_ = conn.Close()
		w.Install(builder.Spec{})
		again, err := relay.Dial(ctx)
		if err != nil {
			t.Fatal(err)
		}
		w.Cut()
		_, err = io.Copy(io.Discard, again)
		var lost *LostError
		if err = relay.Explain(ctx, err); !errors.As(err, &lost) || lost.Diagnosis.Cause != cluster.CauseNone {
			t.Errorf("the connection ends with %v", err)
		}
		_ = again.Close()
	})
}

func TestRelayServesASocket(t *testing.T) {
	w := &world{Cluster: testcluster.New(t)}
	t.Cleanup(w.Close)
	w.Install(builder.Spec{})
	relay := New(w.Config(), testcluster.Namespace).Relay(ConnectOptions{Transport: tunnel.SPDY})
	socket, err := proxy.Listen(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := relay.Serve(ctx, socket, func(int, error) {}); err != nil {
		t.Error(err)
	}
	if err := relay.Explain(t.Context(), io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("an error of its own becomes %v", err)
	}
}
