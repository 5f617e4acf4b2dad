package cluster_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

func whole() []string {
	return []string{"configmaps/buildkitd-config", "pods/buildkitd", "roles/buildkitd-user", "secrets/buildkitd-client", "secrets/buildkitd-server"}
}

// Two first installs at once: wherever the one that is cancelled was, what the other has made stays.
func TestCancelledInstallLeavesWhatAnotherMade(t *testing.T) {
	for at := range 25 {
		server := newServer(t)
		server.onPod = running
		ctx, cancel := context.WithCancel(t.Context())
		var requests atomic.Int32
		var other atomic.Bool
		server.refuse = func(*http.Request, string, string) (int, metav1.StatusReason, string) {
			if int(requests.Add(1)) == at+1 && other.CompareAndSwap(false, true) {
				requests.Store(1000)
				if _, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{}, nil); err != nil {
					t.Errorf("the other install, at request %d: %v", at, err)
				}
				cancel()
			}
			return 0, "", ""
		}
		_, err := install.Run(ctx, server.client(), "buildkitd", install.Keep, install.Options{}, nil)
		if other.Load() && !slices.Equal(server.names(), whole()) {
			t.Errorf("cancelled at request %d: left %v (%v)", at, server.names(), err)
		}
		cancel()
	}
}

// The one whose Pod another install waits for is cancelled.
func TestCancelledInstallLeavesWhatAnotherReliesOn(t *testing.T) {
	server := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := install.Run(ctx, server.client(), "buildkitd", install.Keep, install.Options{}, nil)
		first <- err
	}()
	for !slices.Contains(server.names(), "pods/buildkitd") {
		time.Sleep(time.Millisecond)
	}
	mustInstall(t, server, install.Keep)
	cancel()
	if err := <-first; err == nil || !slices.Equal(server.names(), whole()) {
		t.Errorf("left %v (%v)", server.names(), err)
	}
}

func TestCancelledInstallRemovesWhatItMade(t *testing.T) {
	server := newServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.onPod = func(*apiServer, string) { cancel() }
	_, err := install.Run(ctx, server.client(), "buildkitd", install.Keep, install.Options{}, nil)
	if !errors.Is(err, context.Canceled) || len(server.names()) > 0 {
		t.Errorf("left %v (%v)", server.names(), err)
	}
}

// A Pod of before that is being deleted relies on nothing: what this install wrote beside it goes.
func TestCancelledInstallBesideAPodThatEnds(t *testing.T) {
	server := newServer(t)
	server.lingers = time.Minute
	mustInstall(t, server, install.Keep)
	if _, err := install.Uninstall(t.Context(), server.client(), "buildkitd", install.UninstallOptions{NoWait: true}, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := install.Run(ctx, server.client(), "buildkitd", install.Keep, install.Options{}, func(event install.Event) {
		if event.Kind == install.EventDraining {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(server.names(), []string{"pods/buildkitd"}) {
		t.Errorf("left %v (%v)", server.names(), err)
	}
}

// A tenant who may create one kind of object does not decide what the next install trusts or runs.
func TestPlantedObjectsAreNotTakenOver(t *testing.T) {
	evil := spec()
	evil.Image, evil.RegistryCA = "evil.example.com/buildkit:1", issue(t, time.Now()).CA
	objects, err := manifest.New(evil, issue(t, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(*apiServer){
		"the server's Secret": func(s *apiServer) { s.put("secrets", objects.Server) },
		"the client's Secret": func(s *apiServer) { s.put("secrets", objects.Client) },
		"both Secrets":        func(s *apiServer) { s.put("secrets", objects.Server, objects.Client) },
		"settings and client": func(s *apiServer) { s.put("configmaps", objects.Config()); s.put("secrets", objects.Client) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newServer(t)
			plant(server)
			_, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{NoWait: true}, nil)
			var unowned *install.UnownedError
			if !errors.As(err, &unowned) || len(unowned.Found) == 0 || len(unowned.Missing) == 0 || len(server.writes()) > 0 {
				t.Errorf("got %v, and writes %v", err, server.writes())
			}
			if _, err := install.Uninstall(t.Context(), server.client(), "buildkitd", install.UninstallOptions{}, nil); err != nil || len(server.names()) > 0 {
				t.Errorf("uninstall leaves %v (%v)", server.names(), err)
			}
		})
	}
}

func TestPlantedSettingsAreNotUsed(t *testing.T) {
	evil := spec()
	evil.Image = "evil.example.com/buildkit:1"
	objects, err := manifest.New(evil, issue(t, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(t)
	server.put("configmaps", objects.Config())
	mustInstall(t, server, install.Keep)
	stored, err := install.StoredSpec(t.Context(), server.client(), "buildkitd")
	if err != nil || len(stored.Settings()) > 0 {
		t.Errorf("installed with %+v (%v)", stored.Settings(), err)
	}
}

func TestForeignKeysOfOurSecretsGo(t *testing.T) {
	server := newServer(t)
	mustInstall(t, server, install.Keep)
	server.mu.Lock()
	server.objects["secrets/buildkitd-client"]["data"].(object)["registry-ca.crt"] = "QUFB"
	server.mu.Unlock()
	outcome := mustInstall(t, server, install.Keep)
	if outcome.Connection.RegistryCA != nil || outcome.Changes[kube.Reference{Kind: "Secret", Name: "buildkitd-client"}] != install.Configured {
		t.Errorf("clients trust %q; changes %v", outcome.Connection.RegistryCA, outcome.Changes)
	}
}

// A policy of CREATE alone may have rewritten the Pod, and would not do so again.
func TestUnchangedBuilderIsNotWritten(t *testing.T) {
	for name, change := range map[string]func(*builder.Spec){"one Pod": same, "members": func(s *builder.Spec) { s.Replicas = 2 }} {
		server := newServer(t)
		wanted := builder.Spec{Image: "far.example/moby/buildkit:v1"}
		change(&wanted)
		mustInstall(t, server, exactly(wanted))
		kind := "pods"
		if wanted.Replicas > 1 {
			kind = "statefulsets"
			server.set(kind, "buildkitd", object{"status": object{"readyReplicas": 2}})
		} else {
			ready(server, "buildkitd")
		}
		server.mu.Lock()
		pod := server.objects[kind+"/buildkitd"]["spec"].(object)
		if kind == "statefulsets" {
			pod = pod["template"].(object)["spec"].(object)
		}
		pod["containers"].([]any)[0].(object)["image"] = "near.example/moby/buildkit:v1"
		server.mu.Unlock()
		for _, dry := range []bool{false, true} {
			server.forget()
			outcome, err := install.Run(t.Context(), server.client(), "buildkitd", install.Keep, install.Options{NoWait: true, DryRun: dry}, nil)
			if err != nil || outcome.Change != install.Unchanged || len(server.writes()) > 0 {
				t.Errorf("%s, dry run %t: %s, writes %v (%v)", name, dry, outcome.Change, server.writes(), err)
			}
		}
	}
}

// A Pod that merely has the labels of a builder's neither goes with it, nor is it waited for.
func TestForeignPodsWithOurLabels(t *testing.T) {
	for _, force := range []bool{false, true} {
		server := newServer(t)
		installed(t, server, func(s *builder.Spec) { s.Replicas = 2 })
		server.put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "aaa", Labels: builder.ObjectLabels("buildkitd")}})
		server.put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: "zzz", Labels: builder.ObjectLabels("buildkitd"), OwnerReferences: []metav1.OwnerReference{{UID: types.UID("other"), Controller: new(true)}},
		}})
		server.put("persistentvolumeclaims", &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-db-0", Labels: builder.ObjectLabels("buildkitd")}})
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err := install.Uninstall(ctx, server.client(), "buildkitd", install.UninstallOptions{Force: force, Purge: true}, nil)
		cancel()
		if got := server.names(); err != nil || !slices.Equal(got, []string{"persistentvolumeclaims/data-db-0", "pods/aaa", "pods/zzz"}) {
			t.Errorf("force %t: left %v (%v)", force, got, err)
		}
	}
}

func TestInstallAsksBeforeTheFirstChange(t *testing.T) {
	server := newServer(t)
	installed(t, server, same)
	server.forget()
	no := errors.New("no")
	_, err := install.Run(t.Context(), server.client(), "buildkitd", exactly(builder.Spec{Rootless: true}), install.Options{
		Confirm: func(context.Context, install.Plan) error { return no },
	}, nil)
	if !errors.Is(err, no) || len(server.writes()) > 0 {
		t.Errorf("got %v, and writes %v", err, server.writes())
	}
}

func TestPlanNamesWhatIsLost(t *testing.T) {
	volumes := func(s *builder.Spec) { s.Replicas, s.Storage = 2, quantity("1Gi") }
	members := func(s *builder.Spec) { s.Replicas = 3 }
	cases := map[string]struct {
		was    func(*builder.Spec)
		change install.Edit
		want   string
	}{
		"nothing changes":             {same, install.Keep, ""},
		"the Pod is replaced":         {same, func(s builder.Spec) (builder.Spec, error) { s.Rootless = true; return s, nil }, "rootless; replaced buildkitd"},
		"members instead of it":       {same, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 2; return s, nil }, "replicas; removed buildkitd"},
		"fewer members":               {members, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 2; return s, nil }, "replicas; removed buildkitd-2"},
		"more members":                {members, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 4; return s, nil }, "replicas;"},
		"members are replaced":        {members, func(s builder.Spec) (builder.Spec, error) { s.Rootless = true; return s, nil }, "rootless; replaced buildkitd-0 replaced buildkitd-1 replaced buildkitd-2"},
		"volumes for them":            {members, func(s builder.Spec) (builder.Spec, error) { s.Storage = quantity("1Gi"); return s, nil }, "storage; replaced buildkitd-0 replaced buildkitd-1 replaced buildkitd-2"},
		"members with volumes":        {volumes, func(s builder.Spec) (builder.Spec, error) { s.Rootless = true; return s, nil }, "rootless;"},
		"larger volumes":              {volumes, func(s builder.Spec) (builder.Spec, error) { s.Storage = quantity("2Gi"); return s, nil }, "storage;"},
		"fewer members with volumes":  {volumes, func(s builder.Spec) (builder.Spec, error) { s.Replicas = 1; return s, nil }, "replicas; removed buildkitd-1 (cache-buildkitd-1)"},
		"volumes no more":             {volumes, func(s builder.Spec) (builder.Spec, error) { s.Storage = nil; return s, nil }, "storage; replaced buildkitd-0 (cache-buildkitd-0) replaced buildkitd-1 (cache-buildkitd-1)"},
		"everything taken back":       {volumes, exactly(builder.Spec{}), "replicas storage; removed buildkitd-0 (cache-buildkitd-0) removed buildkitd-1 (cache-buildkitd-1)"},
		"a Role's member has no cost": {members, install.Keep, ""},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			server := newServer(t)
			class(server, "standard", true)
			installed(t, server, test.was)
			var plans []install.Plan
			_, err := install.Run(t.Context(), server.client(), "buildkitd", test.change, install.Options{
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
