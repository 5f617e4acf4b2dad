package install_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// rotating is a builder with three members, each with the certificates that the server's Secret had
// when it was started. Whenever a member is replaced, clients must reach all the others.
type rotating struct {
	*controller
	daemons map[string]*trust.Certificates // by the UID of the Pod
	first   *cluster.Connection            // of a client that read its Secret before the rotation
}

func rotate(t *testing.T) *rotating {
	r := &rotating{controller: set(t, three()), daemons: map[string]*trust.Certificates{}}
	r.first = r.connection()
	r.locked(func() {
		r.drain = 5 * time.Second
		for _, uid := range r.uids() {
			r.daemons[uid] = serverSecret(r.Cluster)
		}
		r.kubes = func(pod string) {
			r.daemons[r.UID("pods", pod)] = serverSecret(r.Cluster)
			r.reachable()
			r.Ready(pod)
		}
	})
	return r
}

func (r *rotating) connection() *cluster.Connection {
	secret := &corev1.Secret{}
	r.Read("secrets", builder.ClientSecretName("buildkitd"), secret)
	connection, err := clientOf(r.t, r.Cluster).ConnectionOf(secret)
	if err != nil {
		r.t.Error(err)
	}
	return connection
}

// reachable checks that a client which reads its Secret now reaches every member.
func (r *rotating) reachable() {
	r.t.Helper()
	connection := r.connection()
	for n, uid := range r.uids() {
		if daemon := r.daemons[uid]; daemon != nil && !accepts(r.t, connection, daemon) {
			r.t.Errorf("member %d is locked out", n)
		}
	}
}

// ended checks that all members have the same certificates, and none accepts the first ones.
func (r *rotating) ended() {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reachable()
	now := serverSecret(r.Cluster)
	for n, uid := range r.uids() {
		daemon := r.daemons[uid]
		if daemon.Fingerprint() != now.Fingerprint() || accepts(r.t, r.first, daemon) {
			r.t.Errorf("member %d has former certificates", n)
		}
	}
	if now.Former != nil || r.connection().Former != nil {
		r.t.Error("the former certificates were not removed")
	}
	if r.away > 1 {
		r.t.Errorf("%d members were away at once", r.away)
	}
}

func (r *rotating) options() install.Options {
	client := clientOf(r.t, r.Cluster)
	return install.Options{Rotate: true, Timeout: time.Minute, Probe: func(_ context.Context, member cluster.Member, connection *cluster.Connection) error {
		var daemon *trust.Certificates
		if r.locked(func() { daemon = r.daemons[member.UID] }); daemon == nil {
			return fmt.Errorf("Pod %s is not up", member.Pod)
		}
		if err := testcluster.Handshake(connection, daemon); err != nil {
			return client.Untrusted(member, err)
		}
		return nil
	}}
}

// A rotation locks no client out while members are replaced, and the former certificates out when
// all are; wherever it was interrupted, and started again.
func TestRotationLocksOnlyTheFormerOut(t *testing.T) {
	for _, after := range []time.Duration{0, 500 * time.Millisecond, 5 * time.Second, 10 * time.Second, 16 * time.Second} {
		t.Run(fmt.Sprintf("interrupted after %s", after), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rotate(t)
				if after > 0 {
					ctx, interrupt := context.WithTimeout(t.Context(), after)
					if _, err := install.Run(ctx, clientOf(t, r.Cluster), "buildkitd", install.Keep, r.options(), nil); err == nil {
						t.Error("it was not interrupted")
					}
					interrupt()
				}
				r.locked(r.reachable)
				issued := serverSecret(r.Cluster).Fingerprint()
				outcome, err := install.Run(t.Context(), clientOf(t, r.Cluster), "buildkitd", install.Keep, r.options(), nil)
				if err != nil || !outcome.Renewed || serverSecret(r.Cluster).Fingerprint() == issued {
					t.Errorf("got %v, issued %t", err, outcome.Renewed)
				}
				r.ended()
			})
		})
	}
}

// A conflict after the Secrets were written does not issue certificates again, of which members
// would know only the grandparents.
func TestConflictRotatesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rotate(t)
		refused := false
		r.Refuse(func(request *http.Request, kind, _ string) *metav1.Status {
			if kind != "statefulsets" || request.Method != http.MethodPatch || refused || request.URL.Query().Has("dryRun") {
				return nil
			}
			refused = true
			return testcluster.Failure(http.StatusConflict, metav1.StatusReasonConflict, "changed")
		})
		if _, err := install.Run(t.Context(), clientOf(t, r.Cluster), "buildkitd", install.Keep, r.options(), nil); err != nil || !refused {
			t.Errorf("got %v, refused %t", err, refused)
		}
		r.ended()
	})
}

// The install after an interrupted rotation waits for it and ends it, without a flag.
func TestNextInstallEndsARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := rotate(t)
		options := r.options()
		options.NoWait = true
		if _, err := install.Run(t.Context(), clientOf(t, r.Cluster), "buildkitd", install.Keep, options, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		options.NoWait, options.Rotate = false, false
		var seen events
		if _, err := install.Run(t.Context(), clientOf(t, r.Cluster), "buildkitd", install.Keep, options, seen.report); err != nil {
			t.Fatal(err)
		}
		if all := strings.Join(seen.lines(), "\n"); strings.Count(all, "a rotation of the certificates has not ended: buildkitd-0") != 1 {
			t.Errorf("it does not report what is left:\n%s", all)
		}
		r.ended()
	})
}

// A Pod whose cache goes with it is replaced only if that is agreed to.
func TestRotationOfOnePodAsks(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{})
	var asked []install.Plan
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{
		Rotate: true, DryRun: true, Confirm: func(_ context.Context, plan install.Plan) error { asked = append(asked, plan); return nil },
	}, nil)
	if err != nil || len(asked) != 1 || len(asked[0].Losses) != 1 || !asked[0].Renews {
		t.Errorf("got %v, asked %+v", err, asked)
	}
}
