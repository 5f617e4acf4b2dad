package install_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// exactly is the Edit that sets every field.
func exactly(wanted builder.Spec) install.Edit {
	return func(builder.Spec) (builder.Spec, error) { return wanted, nil }
}

// events collects what Install reports.
type events struct {
	mu   sync.Mutex
	list []install.Event
}

func (e *events) report(event install.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

func (e *events) kinds() []install.EventKind {
	e.mu.Lock()
	defer e.mu.Unlock()
	kinds := make([]install.EventKind, 0, len(e.list))
	for _, event := range e.list {
		if event.Kind != install.EventApplied {
			kinds = append(kinds, event.Kind)
		}
	}
	return kinds
}

// lines are the events as text.
func (e *events) lines() (lines []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, event := range e.list {
		lines = append(lines, event.Pod+": "+event.Message)
	}
	return lines
}

func TestInstallFromNothing(t *testing.T) {
	server := testcluster.New(t)
	server.OnPod(server.Run)
	var seen events
	probes := 0
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{
		Probe: func(_ context.Context, member cluster.Member, connection *cluster.Connection) error {
			if _, err := connection.TLS(); err != nil {
				return err
			}
			if probes++; probes < 3 {
				return errors.New("connection refused")
			}
			if member.Pod != "buildkitd" || member.Node != "node-1" {
				t.Errorf("asked to probe %+v", member)
			}
			return nil
		},
	}, seen.report)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"configmaps/buildkitd-config", "pods/buildkitd", "roles/buildkitd-user", "secrets/buildkitd-client", "secrets/buildkitd-server"}
	if got := server.Names(); !slices.Equal(got, want) {
		t.Errorf("there are %v; want %v", got, want)
	}
	writes := server.Writes()
	if writes[0] != "POST configmaps" || writes[1] != "POST secrets" || writes[len(writes)-1] != "POST pods" {
		t.Errorf("written in this order: %v", writes)
	}
	if outcome.Change != install.Created || !outcome.Renewed || len(outcome.Members) != 1 || outcome.Connection == nil || len(outcome.Objects) != 5 {
		t.Errorf("outcome: %+v", outcome)
	}
	if got, want := seen.kinds(), []install.EventKind{install.EventScheduled, install.EventStarted, install.EventConnected}; !slices.Equal(got, want) {
		t.Errorf("events: %v; want %v", got, want)
	}
}

func TestInstallAgainChangesNothing(t *testing.T) {
	server := testcluster.New(t)
	server.OnPod(server.Run)
	if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	server.Forget()
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Change != install.Unchanged || outcome.Renewed {
		t.Errorf("outcome: %s, renewed %t", outcome.Change, outcome.Renewed)
	}
	for reference, change := range outcome.Changes {
		if change != install.Unchanged {
			t.Errorf("%s is %s", reference, change)
		}
	}
	for _, write := range server.Writes() {
		// Its Pod is not ready yet: that this install relies on it is noted there.
		if write != "PATCH pods/buildkitd" {
			t.Errorf("an unchanged builder is written to: %s", write)
		}
	}
	server.Ready("buildkitd")
	server.Forget()
	if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil); err != nil || len(server.Writes()) > 0 {
		t.Errorf("an unchanged builder is written to: %v (%v)", server.Writes(), err)
	}
}

func TestInstallReplacesAPodOfAnotherSpec(t *testing.T) {
	server := testcluster.New(t)
	server.OnPod(server.Run)
	first, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	limits, err := builder.ParseResources("limit", "memory=1Gi")
	if err != nil {
		t.Fatal(err)
	}
	var seen events
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(builder.Spec{Limits: limits}), install.Options{}, seen.report)
	if err != nil {
		t.Fatal(err)
	}
	if outcome.Change != install.Replaced || outcome.Members[0].UID == first.Members[0].UID {
		t.Errorf("outcome: %s, %+v", outcome.Change, outcome.Members)
	}
	if outcome.Renewed || string(outcome.Connection.CA) != string(first.Connection.CA) {
		t.Error("good certificates were thrown away")
	}
	if !slices.Contains(seen.kinds(), install.EventDraining) {
		t.Errorf("events: %v", seen.kinds())
	}
}

func TestInstallRenewsCertificatesNearTheirEnd(t *testing.T) {
	server := testcluster.New(t)
	server.OnPod(server.Run)
	old := testcluster.Issue(t, time.Now().Add(-trust.Lifetime+trust.RenewBefore-time.Hour))
	objects, err := manifest.New(spec(), old)
	if err != nil {
		t.Fatal(err)
	}
	server.Put("secrets", objects.Server, objects.Client)
	server.Put("pods", objects.Pod)
	server.Run("buildkitd") // OnPod may come later than the install
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !outcome.Renewed || outcome.Change != install.Unchanged || outcome.FormerUntil.IsZero() || string(outcome.Connection.CA) == string(old.CA) {
		t.Errorf("outcome: %s, renewed %t", outcome.Change, outcome.Renewed)
	}
}

func TestInstallLeavesForeignObjectsAlone(t *testing.T) {
	server := testcluster.New(t)
	server.Put("pods", &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "buildkitd"},
	})
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
	var foreign *install.ForeignError
	if !errors.As(err, &foreign) || foreign.Kind != "Pod" {
		t.Errorf("got %v; want a ForeignError", err)
	}
	if writes := server.Writes(); len(writes) > 0 {
		t.Errorf("written: %v", writes)
	}
}

func TestInstallIsRefusedBeforeAnythingIsMade(t *testing.T) {
	cases := map[string]struct {
		code    int32
		reason  metav1.StatusReason
		message string
		by      string
	}{
		"Pod Security": {403, metav1.StatusReasonForbidden, `pods "buildkitd" is forbidden: violates PodSecurity "restricted:latest": privileged`, "Pod Security"},
		"quota":        {403, metav1.StatusReasonForbidden, `pods "buildkitd" is forbidden: exceeded quota: q, requested: pods=1`, "the quota"},
		"webhook":      {400, metav1.StatusReasonBadRequest, `admission webhook "policy.example.com" denied the request: no privileged Pods`, `the webhook "policy.example.com"`},
		"validation":   {422, metav1.StatusReasonInvalid, `Pod "buildkitd" is invalid: spec.tolerations: wrong`, "validation"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			server.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
				if kind == "pods" && r.Method == http.MethodPost {
					return testcluster.Failure(test.code, test.reason, test.message)
				}
				return nil
			})
			_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
			var refused *kube.AdmissionError
			if !errors.As(err, &refused) || refused.By != test.by || refused.Name != "buildkitd" {
				t.Errorf("got %v; want %s to refuse", err, test.by)
			}
			if names := server.Names(); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

func TestInstallWithoutPermissionForRoles(t *testing.T) {
	server := testcluster.New(t)
	server.OnPod(server.Run)
	server.Refuse(testcluster.Forbidding("roles", ""))
	var seen events
	if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, seen.report); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(seen.kinds(), install.EventWarning) {
		t.Errorf("events: %v", seen.kinds())
	}
}

func TestInstallTakesBackWhatItMadeWhenItMayNotGoOn(t *testing.T) {
	server := testcluster.New(t)
	refuse := testcluster.Forbidding("pods", http.MethodPost)
	server.Refuse(func(r *http.Request, kind, name string) *metav1.Status {
		if r.URL.Query().Has("dryRun") {
			return nil
		}
		return refuse(r, kind, name)
	})
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
	var forbidden *kube.ForbiddenError
	if !errors.As(err, &forbidden) || forbidden.User != "jane" || forbidden.Verb != "create" || forbidden.Resource != "pods" {
		t.Errorf("got %v; want a ForbiddenError", err)
	}
	if names := server.Names(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	server := testcluster.New(t)
	outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{DryRun: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if names := server.Names(); len(names) > 0 || len(outcome.Objects) != 5 || outcome.Change != install.Created {
		t.Errorf("there are %v; outcome %s of %d objects", names, outcome.Change, len(outcome.Objects))
	}
}
