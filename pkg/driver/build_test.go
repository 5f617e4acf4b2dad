package driver

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// made answers a build with an image.
func made(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	return &controlapi.SolveResponse{ExporterResponse: map[string]string{"containerimage.digest": digestOf("a"), "image.name": "example.com/a:1"}}, nil
}

// A build makes as few requests as it can, and one round trip before it is sent: the tunnel is
// dialed meanwhile.
func TestBuildAsksTheClusterOnce(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		built, err := w.driver.Build(t.Context(), building(t, func(o *BuildOptions) { o.Request.Push = true }))
		if err != nil || built.Line() != "example.com/a:1@"+digestOf("a") || built.TakesStdout || built.Evaluation != nil {
			t.Fatalf("got %+v, %v", built, err)
		}
		got := map[string]int{}
		for _, request := range w.Requests() {
			got[request]++
		}
		if len(got) != 3 || got["POST pods/portforward/buildkitd"] != 1 || got["GET secrets/buildkitd-client"] != 1 || got["GET pods/buildkitd"] != 1 {
			t.Errorf("asked %v", got)
		}
	})
}

func TestBuildWritesItsFiles(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		dir := t.TempDir()
		files := map[string]string{}
		for _, name := range []string{"metadata", "iid", "report", "trace", "ref"} {
			files[name] = filepath.Join(dir, name)
		}
		_, err := w.driver.Build(t.Context(), building(t, func(o *BuildOptions) {
			o.Request.MetadataFile, o.Request.ImageIDFile, o.Request.Report = files["metadata"], files["iid"], files["report"]
			o.Request.Trace, o.Request.RefFile = files["trace"], files["ref"]
			o.Progress.Mode = progress.Plain
			o.Environment.LookupEnv = func(name string) (string, bool) {
				if name == "BUILDX_METADATA_WARNINGS" {
					return "true", true
				}
				return "", false
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		for name, path := range files {
			if text, err := os.ReadFile(path); err != nil || name != "trace" && len(text) == 0 {
				t.Errorf("%s: %q, %v", name, text, err)
			}
		}
		var metadata map[string]any
		text, _ := os.ReadFile(files["metadata"])
		if err := json.Unmarshal(text, &metadata); err != nil || metadata["containerimage.digest"] != digestOf("a") {
			t.Errorf("metadata %s, %v", text, err)
		}
		w.noted(t, "report written to "+files["report"])
	})
}

func TestBuildsThatFail(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*world, *BuildOptions)
		is     func(error) bool
		begun  bool
	}{
		"a wrong option":   {func(_ *world, o *BuildOptions) { o.Request.Platforms = []string{"?"} }, func(err error) bool { return err != nil }, false},
		"a wrong name":     {func(_ *world, o *BuildOptions) { o.Connect.Builder = "Not_A_Name" }, is[*usage.Error], false},
		"no builder":       {func(_ *world, o *BuildOptions) { o.Connect.Builder = "other" }, is[*cluster.NotFoundError], false},
		"no Secret":        {func(_ *world, o *BuildOptions) { o.Registries.Secrets = []string{"none"} }, is[*ClusterSecretError], false},
		"no account":       {func(_ *world, o *BuildOptions) { o.Registries.ServiceAccounts = []string{"none"} }, is[*ClusterSecretError], false},
		"no secret's key":  {func(_ *world, o *BuildOptions) { o.Request.Secret = []string{"id=a,k8s=none/key"} }, is[*ClusterSecretError], false},
		"the daemon fails": {func(w *world, _ *BuildOptions) { w.daemons[pod].OnSolve = failing("it broke") }, is[*solve.BuildError], true},
		"quietly": {func(w *world, o *BuildOptions) {
			w.daemons[pod].OnSolve, o.Progress.Mode = failing("it broke"), progress.Quiet
		}, is[*solve.BuildError], true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				built, err := w.driver.Build(t.Context(), building(t, func(o *BuildOptions) { test.change(w, o) }))
				var begun *BuildError
				if built != nil || !test.is(err) || errors.As(err, &begun) != test.begun {
					t.Errorf("got %v, %T %v", built, err, err)
				}
				if test.begun && (begun.Member.Pod != pod || begun.Ref == "") {
					t.Errorf("it failed on %+v, %q", begun.Member, begun.Ref)
				}
			})
		})
	}
}

func failing(text string) func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
	return func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
		return nil, errors.New(text)
	}
}

// Provide is passed why a builder is missing, and the build goes on if it made one.
func TestMissingBuildersAreProvided(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for _, gives := range []bool{false, true} {
			w.Delete("pods", pod)
			asked := 0
			built, err := w.driver.Build(t.Context(), building(t, func(o *BuildOptions) {
				o.Provide = func(_ context.Context, why error) (bool, error) {
					asked++
					if !is[*cluster.NotReadyError](why) {
						t.Errorf("the builder is missing for %v", why)
					}
					if !gives {
						return false, why
					}
					w.Install(builder.Spec{})[pod].OnSolve = made
					return true, nil
				}
			}))
			if asked != 1 || (built != nil) != gives || (err == nil) != gives {
				t.Errorf("asked %d times: %v, %v", asked, built, err)
			}
		}
	})
}

// A build that loses its connection goes on over another one, and what happened is shown.
func TestBuildOutlivesItsConnection(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		solves := 0
		w.daemons[pod].OnSolve = func(ctx context.Context, req *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			if solves++; solves == 1 {
				go w.Cut()
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return made(ctx, req)
		}
		built, err := w.driver.Build(t.Context(), building(t, nil))
		if err != nil || solves != 2 || built.Line() == "" {
			t.Errorf("after %d solves %v, %v", solves, built, err)
		}
	})
}

// A builder whose Pod ends is reported with the reason, and a Pod that this build has installed is
// installed again.
func TestBuildLosesItsPod(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = func(ctx context.Context, _ *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			time.AfterFunc(10*time.Second, func() {
				w.SetPod(pod, func(p *corev1.Pod) {
					p.Status.Phase, p.Status.Reason, p.Status.Message = corev1.PodFailed, "Evicted", "low on resource: memory"
				})
			})
			<-ctx.Done()
			return nil, ctx.Err()
		}
		_, err := w.driver.Build(t.Context(), building(t, nil))
		var lost *LostError
		if !errors.As(err, &lost) || lost.Diagnosis.Cause != cluster.CauseEvicted || !strings.Contains(err.Error(), "low on resource: memory") {
			t.Errorf("got %v", err)
		}
	})
}

func TestInstalledBuildersAreInstalledAgain(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.StartEveryPod(pod)
		first := w.connect(t)
		first.installed = true
		r := newReconnector(t.Context(), w.driver, building(t, nil).withDefaults(), &shownSteps{}, first)
		w.Delete("pods", pod)
		again, err := r.connect(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = again.Close() }()
		if !again.installed || again.Member.UID == first.Member.UID {
			t.Errorf("connected to %+v", again.Member)
		}
		w.noted(t, pod)
	})
}

// What the display is shown of a loss: that it happened, what is done about it, and how long it
// took.
func TestLossesAreShown(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		steps := &shownSteps{}
		c := w.connect(t)
		ctx, stop := context.WithCancel(t.Context())
		r := newReconnector(ctx, w.driver, building(t, nil).withDefaults(), steps, c)
		over := r.notice(&solve.LostError{Cause: errors.New("reset")})
		time.Sleep(3 * time.Second)
		over(nil)
		r.notice(&solve.LostError{Cause: &solve.SilentError{For: time.Minute}, Final: "no retries are allowed"})(errors.New("x"))
		r.observed(c, cluster.Diagnosis{Cause: cluster.CauseTerminating, Message: "Pod is being deleted"})
		r.observed(c, cluster.Diagnosis{Cause: cluster.CauseNone})
		r.observed(c, cluster.Diagnosis{Cause: cluster.CauseDeleted, Message: "Pod is gone", Over: true})
		r.notice(&solve.LostError{Cause: errors.New("reset")})
		stop()
		r.watches.Wait()
		want := []string{"reset; connecting again", "it works again, after 3.0s", "; waiting for it", "Pod is being deleted", "Pod is gone; connecting again"}
		for i, part := range want {
			if len(steps.names) != len(want) || !strings.Contains(steps.names[i], part) {
				t.Fatalf("shown %q, want %q", steps.names, want)
			}
		}
	})
}

func TestEmulationIsAWarning(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		if _, err := w.driver.Build(t.Context(), building(t, func(o *BuildOptions) { o.Request.Platforms = []string{"linux/arm64"} })); err != nil {
			t.Fatal(err)
		}
		w.noted(t, `warning: builder "buildkitd" runs linux/amd64; RUN steps for linux/arm64 need emulation`)
	})
}

// A builder that is not there yet is waited for: an API server for ten seconds, a Pod that starts
// for minutes.
func TestBuildWaitsForItsBuilder(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		w.Down(testcluster.ErrRefused())
		w.after(5*time.Second, func() { w.Down(nil) })
		if _, err := w.driver.Build(t.Context(), building(t, nil)); err != nil {
			t.Fatal(err)
		}
		w.noted(t, "trying again for 10s")
	})
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		started := func(yes bool) func() {
			return func() {
				w.SetPod(pod, func(p *corev1.Pod) {
					ready, state := corev1.ConditionFalse, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
					if yes {
						ready, state = corev1.ConditionTrue, corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
					}
					p.Status.Phase = map[bool]corev1.PodPhase{false: corev1.PodPending, true: corev1.PodRunning}[yes]
					p.Status.Conditions[0].Status, p.Status.Conditions[1].Status, p.Status.ContainerStatuses[0].State = ready, ready, state
				})
			}
		}
		started(false)()
		w.after(90*time.Second, started(true))
		if _, err := w.driver.Build(t.Context(), building(t, nil)); err != nil {
			t.Fatal(err)
		}
		w.noted(t, "waiting up to 5m0s for it to start")
	})
}
