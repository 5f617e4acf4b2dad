package cluster_test

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
)

// running is a Pod whose node has started it.
func running(s *apiServer, name string) {
	s.set("pods", name, object{"node": "node-1", "status": podStatus(object{"running": object{"startedAt": "2026-01-01T00:00:00Z"}})})
}

func podStatus(state object) object {
	return object{"phase": "Running", "containerStatuses": []any{object{"name": "buildkitd", "state": state}}}
}

func spec() builder.Spec { return builder.Spec{Name: "buildkitd", Namespace: "team"} }

// exactly is the Edit that sets every field.
func exactly(wanted builder.Spec) install.Edit {
	return func(builder.Spec) (builder.Spec, error) { return wanted, nil }
}

func issue(t *testing.T, when time.Time) *trust.Certificates {
	t.Helper()
	certificates, err := trust.Issue(when, "buildkitd")
	if err != nil {
		t.Fatal(err)
	}
	return certificates
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

func TestInstallFromNothing(t *testing.T) {
	server := newServer(t)
	server.onPod = running
	var seen events
	probes := 0
	outcome, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{
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
	if got := server.names(); !slices.Equal(got, want) {
		t.Errorf("there are %v; want %v", got, want)
	}
	writes := server.writes()
	if writes[0] != "PATCH configmaps/buildkitd-config" || writes[1] != "POST secrets" || writes[len(writes)-1] != "POST pods" {
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
	server := newServer(t)
	server.onPod = running
	if _, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	server.forget()
	outcome, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil)
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
	for _, write := range server.writes() {
		// Its Pod is not ready yet: that this install relies on it is noted there.
		if write != "PATCH pods/buildkitd" {
			t.Errorf("an unchanged builder is written to: %s", write)
		}
	}
	ready(server, "buildkitd")
	server.forget()
	if _, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil); err != nil || len(server.writes()) > 0 {
		t.Errorf("an unchanged builder is written to: %v (%v)", server.writes(), err)
	}
}

func TestInstallReplacesAPodOfAnotherSpec(t *testing.T) {
	server := newServer(t)
	server.onPod = running
	first, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	limits, err := builder.ParseResources("limit", "memory=1Gi")
	if err != nil {
		t.Fatal(err)
	}
	var seen events
	outcome, err := install.Run(t.Context(), server.client(), "buildkitd", exactly(builder.Spec{Limits: limits}), install.Options{}, seen.report)
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
	server := newServer(t)
	server.onPod = running
	old := issue(t, time.Now().Add(-trust.Lifetime+trust.RenewBefore-time.Hour))
	objects, err := manifest.New(spec(), old)
	if err != nil {
		t.Fatal(err)
	}
	server.put("secrets", objects.Server, objects.Client)
	server.put("pods", objects.Pod)
	outcome, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !outcome.Renewed || outcome.Change != install.Unchanged || outcome.FormerUntil.IsZero() || string(outcome.Connection.CA) == string(old.CA) {
		t.Errorf("outcome: %s, renewed %t", outcome.Change, outcome.Renewed)
	}
}

func TestInstallLeavesForeignObjectsAlone(t *testing.T) {
	server := newServer(t)
	server.put("pods", &corev1.Pod{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "buildkitd"},
	})
	_, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil)
	var foreign *install.ForeignError
	if !errors.As(err, &foreign) || foreign.Kind != "Pod" {
		t.Errorf("got %v; want a ForeignError", err)
	}
	if writes := server.writes(); len(writes) > 0 {
		t.Errorf("written: %v", writes)
	}
}

func TestInstallIsRefusedBeforeAnythingIsMade(t *testing.T) {
	cases := map[string]struct {
		code    int
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
			server := newServer(t)
			server.refuse = func(r *http.Request, kind, _ string) (int, metav1.StatusReason, string) {
				if kind == "pods" && r.Method == http.MethodPost {
					return test.code, test.reason, test.message
				}
				return 0, "", ""
			}
			_, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil)
			var refused *kube.AdmissionError
			if !errors.As(err, &refused) || refused.By != test.by || refused.Name != "buildkitd" {
				t.Errorf("got %v; want %s to refuse", err, test.by)
			}
			if names := server.names(); len(names) > 0 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

func TestInstallWithoutPermissionForRoles(t *testing.T) {
	server := newServer(t)
	server.onPod = running
	server.refuse = forbid("roles", "")
	var seen events
	if _, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, seen.report); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(seen.kinds(), install.EventWarning) {
		t.Errorf("events: %v", seen.kinds())
	}
}

// forbid refuses a resource as RBAC does, for one method or for all.
func forbid(resource, method string) func(*http.Request, string, string) (int, metav1.StatusReason, string) {
	return func(r *http.Request, kind, name string) (int, metav1.StatusReason, string) {
		if kind != resource || method != "" && r.Method != method {
			return 0, "", ""
		}
		verb := map[string]string{"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}[r.Method]
		return 403, metav1.StatusReasonForbidden, kind + ` "` + name + `" is forbidden: User "jane" cannot ` + verb +
			` resource "` + kind + `" in API group "" in the namespace "team"`
	}
}

func TestInstallTakesBackWhatItMadeWhenItMayNotGoOn(t *testing.T) {
	server := newServer(t)
	refuse := forbid("pods", http.MethodPost)
	server.refuse = func(r *http.Request, kind, name string) (int, metav1.StatusReason, string) {
		if r.URL.Query().Has("dryRun") {
			return 0, "", ""
		}
		return refuse(r, kind, name)
	}
	_, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil)
	var forbidden *kube.ForbiddenError
	if !errors.As(err, &forbidden) || forbidden.User != "jane" || forbidden.Verb != "create" || forbidden.Resource != "pods" {
		t.Errorf("got %v; want a ForbiddenError", err)
	}
	if names := server.names(); len(names) > 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	server := newServer(t)
	outcome, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{DryRun: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if names := server.names(); len(names) > 0 || len(outcome.Objects) != 5 || outcome.Change != install.Created {
		t.Errorf("there are %v; outcome %s of %d objects", names, outcome.Change, len(outcome.Objects))
	}
}
