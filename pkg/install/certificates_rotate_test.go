package install_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

const day = 24 * time.Hour

// scene is a builder whose members were started on day 0, and may have been restarted since.
type scene struct {
	*testcluster.Cluster
	t       *testing.T
	daemons map[string]*trust.Certificates // of each Pod; of others, those that the Secret has when it is asked
	first   *trust.Certificates
}

func newScene(t *testing.T, wanted builder.Spec, age time.Duration) *scene {
	t.Helper()
	s := &scene{Cluster: testcluster.New(t), t: t, daemons: map[string]*trust.Certificates{}, first: testcluster.Issue(t, time.Now().Add(-age))}
	class(s.Cluster, "fast", true)
	for pod := range s.InstallWith(wanted, s.first) {
		s.daemons[s.UID("pods", pod)] = s.first
	}
	return s
}

// renew puts certificates into the Secrets as a build did so long ago.
func (s *scene) renew(wanted builder.Spec, ago time.Duration) {
	s.t.Helper()
	certificates := testcluster.Issue(s.t, time.Now().Add(-ago))
	certificates.Former = &trust.Identity{CA: s.first.CA, Pair: s.first.Client}
	objects, err := manifest.NewStarted(wanted, certificates, manifest.Started{Certificates: s.first.Fingerprint(), CacheLimits: wanted.CacheLimits()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Put("secrets", objects.Server, objects.Client)
}

// probe does the handshake that the command would do.
func (s *scene) probe(client *cluster.Client) install.Probe {
	return func(_ context.Context, member cluster.Member, connection *cluster.Connection) error {
		daemon := s.daemons[member.UID]
		if daemon == nil {
			daemon = serverSecret(s.Cluster)
		}
		if err := testcluster.Handshake(connection, daemon); err != nil {
			return client.Untrusted(member, err)
		}
		return nil
	}
}

// A renewal costs no cache and locks no client out, whenever install is run and whatever was
// restarted before.
func TestRenewalLosesNothing(t *testing.T) {
	size := resource.MustParse("1Gi")
	pod, set, volumes := spec(), spec(), spec()
	set.Replicas = 2
	volumes.Replicas, volumes.Storage = 2, &size
	for _, test := range []struct {
		day       int
		wanted    builder.Spec
		renewed   bool // by a build, before; else by the install itself
		restarted bool // the containers since then
		others    bool // the daemon has another builder's certificates
		rotate    bool
		change    install.Change
		asked     int // members whose loss is shown
		until     bool
	}{
		{day: 304, wanted: pod, change: install.Unchanged},
		{day: 306, wanted: pod, change: install.Unchanged, until: true},
		{day: 306, wanted: pod, renewed: true, change: install.Unchanged, until: true},
		{day: 306, wanted: pod, renewed: true, rotate: true, change: install.Unchanged, until: true},
		{day: 336, wanted: pod, change: install.Unchanged, until: true},
		{day: 360, wanted: pod, renewed: true, change: install.Unchanged, until: true},
		{day: 364, wanted: pod, renewed: true, change: install.Unchanged, until: true},
		{day: 360, wanted: pod, rotate: true, change: install.Replaced, asked: 1},
		{day: 360, wanted: pod, renewed: true, restarted: true, rotate: true, change: install.Unchanged},
		{day: 366, wanted: pod, change: install.Replaced, asked: 1},
		{day: 366, wanted: pod, renewed: true, change: install.Replaced, asked: 1},
		{day: 366, wanted: pod, renewed: true, restarted: true, change: install.Unchanged},
		{day: 10, wanted: pod, others: true, change: install.Replaced, asked: 1},
		{day: 306, wanted: pod, others: true, change: install.Replaced, asked: 1},
		{day: 306, wanted: set, change: install.Unchanged, until: true},
		{day: 360, wanted: set, renewed: true, change: install.Unchanged, until: true},
		{day: 366, wanted: set, renewed: true, restarted: true, change: install.Unchanged},
		{day: 306, wanted: volumes, change: install.Unchanged, until: true},
		{day: 336, wanted: volumes, renewed: true, change: install.Configured},
	} {
		t.Run(fmt.Sprintf("day %d, %d members, volumes %t, renewed %t, restarted %t, others %t, rotate %t",
			test.day, test.wanted.WithDefaults().Replicas, test.wanted.Storage != nil, test.renewed, test.restarted, test.others, test.rotate), func(t *testing.T) {
			s := newScene(t, test.wanted, time.Duration(test.day)*day)
			if test.renewed { // on day 306
				s.renew(test.wanted, time.Duration(test.day-306)*day)
			}
			if test.restarted {
				clear(s.daemons)
			}
			if test.others {
				s.daemons[s.UID("pods", "buildkitd")] = testcluster.Issue(t, time.Now())
			}
			before := s.UID("pods", "buildkitd")
			s.OnPod(s.Run)
			client := clientOf(t, s.Cluster)
			var lost []install.Loss
			options := install.Options{
				Probe: s.probe(client), ReplaceExpiring: test.rotate, NoWait: test.change == install.Configured, Timeout: 3 * time.Second,
				Confirm: func(_ context.Context, plan install.Plan) error { lost = plan.Losses; return nil },
			}
			outcome, err := install.Run(t.Context(), client, "buildkitd", install.Keep, options, nil)
			if err != nil {
				t.Fatal(err)
			}
			if outcome.Change != test.change || len(lost) != test.asked || outcome.FormerUntil.IsZero() == test.until {
				t.Errorf("it is %s, shows %d losses, and the former certificates are used until %s", outcome.Change, len(lost), outcome.FormerUntil)
			}
			if after := s.UID("pods", "buildkitd"); (after == before) != (test.change != install.Replaced) {
				t.Errorf("the Pod was %s and is %s", before, after)
			}
			_, connection, err := client.Members(t.Context(), "buildkitd", false)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range test.wanted.WithDefaults().MemberNames() {
				if err := s.probe(client)(t.Context(), cluster.Member{UID: s.UID("pods", name)}, connection); err != nil {
					t.Errorf("clients are locked out of %s: %v", name, err)
				}
			}
			if (connection.Former != nil) != (test.until || test.change == install.Configured) {
				t.Errorf("the former certificates are kept: %t", connection.Former != nil)
			}
		})
	}
}

// Of a set, the members whose certificates have ended are restarted and no others.
func TestEndedMembersAreRestarted(t *testing.T) {
	wanted := spec()
	wanted.Replicas = 2
	s := newScene(t, wanted, 366*day)
	s.renew(wanted, 60*day)
	delete(s.daemons, s.UID("pods", "buildkitd-1"))
	before := [2]string{s.UID("pods", "buildkitd-0"), s.UID("pods", "buildkitd-1")}
	client := clientOf(t, s.Cluster)
	var lost []install.Loss
	outcome, err := install.Run(t.Context(), client, "buildkitd", install.Keep, install.Options{
		NoWait: true, Probe: s.probe(client),
		Confirm: func(_ context.Context, plan install.Plan) error { lost = plan.Losses; return nil },
	}, nil)
	if err != nil || outcome.Change != install.Replaced || len(lost) != 1 || lost[0].Member.Pod != "buildkitd-0" {
		t.Errorf("%s, %+v, %v", outcome.Change, lost, err)
	}
	if after := [2]string{s.UID("pods", "buildkitd-0"), s.UID("pods", "buildkitd-1")}; after != [2]string{"", before[1]} {
		t.Errorf("the members were %q and are %q", before, after)
	}
}
