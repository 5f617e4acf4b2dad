package install_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

func whole() []string {
	return []string{"configmaps/buildkitd-config", "pods/buildkitd", "roles/buildkitd-user", "secrets/buildkitd-client", "secrets/buildkitd-server"}
}

// Two first installs at once: wherever the one that is cancelled was, what the other has made
// stays.
func TestCancelledInstallLeavesWhatAnotherMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for at := range 25 {
			server := testcluster.New(t)
			server.OnPod(server.Run)
			ctx, cancel := context.WithCancel(t.Context())
			var requests atomic.Int32
			var other atomic.Bool
			server.Refuse(func(*http.Request, string, string) *metav1.Status {
				if int(requests.Add(1)) == at+1 && other.CompareAndSwap(false, true) {
					requests.Store(1000)
					if _, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil); err != nil {
						t.Errorf("the other install, at request %d: %v", at, err)
					}
					cancel()
				}
				return nil
			})
			_, err := install.Run(ctx, clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
			if other.Load() && !slices.Equal(server.Names(), whole()) {
				t.Errorf("cancelled at request %d: left %v (%v)", at, server.Names(), err)
			}
			cancel()
		}
	})
}

// The one whose Pod another install waits for is cancelled.
func TestCancelledInstallLeavesWhatAnotherReliesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() {
			_, err := install.Run(ctx, clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
			first <- err
		}()
		for !slices.Contains(server.Names(), "pods/buildkitd") {
			time.Sleep(time.Millisecond)
		}
		mustInstall(t, server, install.Keep)
		cancel()
		if err := <-first; err == nil || !slices.Equal(server.Names(), whole()) {
			t.Errorf("left %v (%v)", server.Names(), err)
		}
	})
}

func TestCancelledInstallRemovesWhatItMade(t *testing.T) {
	server := testcluster.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.OnPod(func(string) { cancel() })
	_, err := install.Run(ctx, clientOf(t, server), "buildkitd", install.Keep, install.Options{}, nil)
	if !errors.Is(err, context.Canceled) || len(server.Names()) > 0 {
		t.Errorf("left %v (%v)", server.Names(), err)
	}
}

// A Pod of before that is being deleted relies on nothing: what this install wrote beside it goes.
func TestCancelledInstallBesideAPodThatEnds(t *testing.T) {
	server := testcluster.New(t)
	server.Lingers = time.Minute
	mustInstall(t, server, install.Keep)
	if _, err := install.Uninstall(t.Context(), clientOf(t, server), "buildkitd", install.UninstallOptions{NoWait: true}, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := install.Run(ctx, clientOf(t, server), "buildkitd", install.Keep, install.Options{}, func(event install.Event) {
		if event.Kind == install.EventDraining {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(server.Names(), []string{"pods/buildkitd"}) {
		t.Errorf("left %v (%v)", server.Names(), err)
	}
}

func TestForeignKeysOfOurSecretsGo(t *testing.T) {
	server := testcluster.New(t)
	mustInstall(t, server, install.Keep)
	server.Edit("secrets", "buildkitd-client", func(secret object) { secret["data"].(object)["registry-ca.crt"] = "QUFB" })
	outcome := mustInstall(t, server, install.Keep)
	if outcome.Connection.RegistryCA != nil || outcome.Changes[kube.Reference{Kind: "Secret", Name: "buildkitd-client"}] != install.Configured {
		t.Errorf("clients trust %q; changes %v", outcome.Connection.RegistryCA, outcome.Changes)
	}
}

// A policy of CREATE alone may have rewritten the Pod, and would not do so again.
func TestUnchangedBuilderIsNotWritten(t *testing.T) {
	for name, wanted := range map[string]builder.Spec{"one Pod": {}, "members": {Replicas: 2}} {
		server := testcluster.New(t)
		wanted.Image = "far.example/moby/buildkit:v1"
		mustInstall(t, server, exactly(wanted))
		kind := "pods"
		if wanted.Replicas > 1 {
			kind = "statefulsets"
			server.Set(kind, "buildkitd", object{"status": object{"readyReplicas": 2}})
		} else {
			server.Ready("buildkitd")
		}
		server.Edit(kind, "buildkitd", func(workload object) {
			pod := workload["spec"].(object)
			if kind == "statefulsets" {
				pod = pod["template"].(object)["spec"].(object)
			}
			pod["containers"].([]any)[0].(object)["image"] = "near.example/moby/buildkit:v1"
		})
		for _, dry := range []bool{false, true} {
			server.Forget()
			outcome, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", install.Keep, install.Options{NoWait: true, DryRun: dry}, nil)
			if err != nil || outcome.Change != install.Unchanged || len(server.Writes()) > 0 {
				t.Errorf("%s, dry run %t: %s, writes %v (%v)", name, dry, outcome.Change, server.Writes(), err)
			}
		}
	}
}

// A Pod that merely has the labels of a builder's neither goes with it, nor is it waited for.
func TestForeignPodsWithOurLabels(t *testing.T) {
	for _, force := range []bool{false, true} {
		server := testcluster.New(t)
		server.Install(builder.Spec{Replicas: 2})
		server.Put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "aaa", Labels: builder.ObjectLabels("buildkitd")}})
		server.Put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: "zzz", Labels: builder.ObjectLabels("buildkitd"), OwnerReferences: []metav1.OwnerReference{{UID: types.UID("other"), Controller: new(true)}},
		}})
		server.Put("persistentvolumeclaims", &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-db-0", Labels: builder.ObjectLabels("buildkitd")}})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := install.Uninstall(ctx, clientOf(t, server), "buildkitd", install.UninstallOptions{Force: force, Purge: true}, nil)
		cancel()
		if got := server.Names(); err != nil || !slices.Equal(got, []string{"persistentvolumeclaims/data-db-0", "pods/aaa", "pods/zzz"}) {
			t.Errorf("force %t: left %v (%v)", force, got, err)
		}
	}
}

func TestInstallAsksBeforeTheFirstChange(t *testing.T) {
	server := testcluster.New(t)
	server.Install(builder.Spec{})
	server.Forget()
	no := errors.New("no")
	_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", exactly(builder.Spec{Mode: builder.ModeRootless}), install.Options{
		Confirm: func(context.Context, install.Plan) error { return no },
	}, nil)
	if !errors.Is(err, no) || len(server.Writes()) > 0 {
		t.Errorf("got %v, and writes %v", err, server.Writes())
	}
}

func TestPlanNamesWhatIsLost(t *testing.T) {
	var same builder.Spec
	volumes, members := builder.Spec{Replicas: 2, Storage: quantity("1Gi")}, builder.Spec{Replicas: 3}
	cases := map[string]struct {
		was    builder.Spec
		change install.Edit
		want   string
	}{
		"nothing changes":             {same, install.Keep, ""},
		"the Pod is replaced":         {same, func(s builder.Spec) (builder.Spec, error) { s.Mode = builder.ModeRootless; return s, nil }, "mode; replaced buildkitd"},
		"members instead of it":       {same, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 2; return s, nil }, "replicas; removed buildkitd"},
		"fewer members":               {members, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 2; return s, nil }, "replicas; removed buildkitd-2"},
		"more members":                {members, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 4; return s, nil }, "replicas;"},
		"members are replaced":        {members, func(s builder.Spec) (builder.Spec, error) { s.Mode = builder.ModeRootless; return s, nil }, "mode; replaced buildkitd-0 replaced buildkitd-1 replaced buildkitd-2"},
		"volumes for them":            {members, func(s builder.Spec) (builder.Spec, error) { s.Storage = quantity("1Gi"); return s, nil }, "storage; replaced buildkitd-0 replaced buildkitd-1 replaced buildkitd-2"},
		"members with volumes":        {volumes, func(s builder.Spec) (builder.Spec, error) { s.Mode = builder.ModeRootless; return s, nil }, "mode;"},
		"larger volumes":              {volumes, func(s builder.Spec) (builder.Spec, error) { s.Storage = quantity("2Gi"); return s, nil }, "storage;"},
		"fewer members with volumes":  {volumes, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 1; return s, nil }, "replicas; removed buildkitd-1 (cache-buildkitd-1)"},
		"volumes no more":             {volumes, func(s builder.Spec) (builder.Spec, error) { s.Storage = nil; return s, nil }, "storage; replaced buildkitd-0 (cache-buildkitd-0) replaced buildkitd-1 (cache-buildkitd-1)"},
		"everything taken back":       {volumes, exactly(builder.Spec{}), "replicas storage; removed buildkitd-0 (cache-buildkitd-0) removed buildkitd-1 (cache-buildkitd-1)"},
		"a Role's member has no cost": {members, install.Keep, ""},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			class(server, "standard", true)
			server.Install(test.was)
			var plans []install.Plan
			_, err := install.Run(t.Context(), clientOf(t, server), "buildkitd", test.change, install.Options{
				DryRun: true, Confirm: func(_ context.Context, plan install.Plan) error { plans = append(plans, plan); return nil },
			}, nil)
			if err != nil || len(plans) != 1 {
				t.Fatalf("%d plans (%v)", len(plans), err)
			}
			var got []string
			for _, difference := range plans[0].Differences {
				got = append(got, difference.Name)
			}
			text := strings.Join(got, " ")
			if text != "" {
				text += ";"
			}
			for _, loss := range plans[0].Losses {
				text += map[bool]string{true: " replaced ", false: " removed "}[loss.Replaced] + loss.Member.Pod
				if loss.Claim != "" {
					text += " (" + loss.Claim + ")"
				}
			}
			if text != test.want {
				t.Errorf("the plan is %q; want %q", text, test.want)
			}
		})
	}
}
