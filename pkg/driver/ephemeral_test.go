package driver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/ephemeral"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
)

type onSolve = func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error)

// once are the options of a build on a builder of its own.
func once(t *testing.T, change func(*BuildOptions)) BuildOptions {
	return building(t, func(o *BuildOptions) {
		o.Ephemeral, o.Progress.Mode = &Ephemeral{}, progress.Plain
		if change != nil {
			change(o)
		}
	})
}

// solving starts the Pods of Jobs, whose daemons solve like that.
func (w *world) solving(solve onSolve) {
	w.StartJobs(func(d *testcluster.Daemon) { d.OnSolve = solve })
}

// left are the objects besides those that there were before.
func (w *world) left(before []string) []string {
	return slices.DeleteFunc(w.Names(), func(name string) bool { return slices.Contains(before, name) })
}

func TestEphemeralBuilderIsLikeTheOther(t *testing.T) {
	inBubble(t, func(s *builder.Spec) {
		s.Mode, s.Replicas, s.MaxBuilds, s.Limits = builder.ModeRootless, 3, 1, corev1.ResourceList{"memory": resource.MustParse("1Gi")}
	}, func(t *testing.T, w *world) {
		before := w.Names()
		job, during := &batchv1.Job{}, []string{}
		w.solving(func(ctx context.Context, r *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			during = w.left(before)
			for _, name := range during {
				if kind, name, _ := strings.Cut(name, "/"); kind == "jobs" {
					w.Read(kind, name, job)
				}
			}
			return made(ctx, r)
		})
		built, err := w.driver.Build(t.Context(), once(t, func(o *BuildOptions) {
			o.Ephemeral.Named = true
			o.Ephemeral.Edit = func(s builder.Spec) (builder.Spec, error) { s.Image = "own:1"; return s, nil }
		}))
		if err != nil || built.Line() == "" {
			t.Fatalf("got %+v, %v", built, err)
		}
		if len(during) != 4 { // Job, Pod, Secret and ConfigMap
			t.Errorf("there was %v", during)
		}
		container := job.Spec.Template.Spec.Containers[0]
		if container.Image != "own:1" || container.SecurityContext.Privileged != nil || container.Resources.Limits.Memory().String() != "1Gi" ||
			*job.Spec.BackoffLimit != 0 || job.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyNever || !strings.HasPrefix(job.Name, "buildkitd-") {
			t.Errorf("got %+v", job.Spec)
		}
		if left := w.left(before); len(left) > 0 {
			t.Errorf("there still is %v", left)
		}
		w.noted(t, "answers")
	})
}

// Whatever ends the build, its builder goes with it, and at once.
func TestEphemeralBuilderIsRemoved(t *testing.T) {
	for name, test := range map[string]struct {
		solve  onSolve
		change func(*testing.T, *world, *BuildOptions)
		failed func(error) bool
	}{
		"a failed step": {
			solve: func(context.Context, *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				return nil, errors.New("exit code 1")
			},
			failed: func(err error) bool { var begun *BuildError; return errors.As(err, &begun) && begun.Member.Ephemeral },
		},
		"interrupted while it builds": {
			solve: func(ctx context.Context, _ *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			},
			failed: func(err error) bool { return err != nil },
		},
		"interrupted while the Pod starts": {
			change: func(_ *testing.T, w *world, _ *BuildOptions) { w.OnPod(func(string) {}) },
			failed: func(err error) bool { return errors.Is(err, context.DeadlineExceeded) },
		},
		"a Pod that does not start": {
			change: func(_ *testing.T, w *world, _ *BuildOptions) {
				w.OnPod(func(pod string) { w.Set("pods", pod, testcluster.Waiting("ErrImagePull", "manifest unknown")) })
			},
			failed: func(err error) bool {
				var start *install.StartError
				return errors.As(err, &start) && start.Ephemeral && start.Reason == "ErrImagePull" && strings.HasPrefix(start.Pod, start.Name+"-")
			},
		},
		"a Secret that may not be written": {
			change: func(_ *testing.T, w *world, _ *BuildOptions) {
				w.Refuse(testcluster.Forbidding("secrets", http.MethodPost))
			},
			failed: func(err error) bool {
				var denied *kube.ForbiddenError
				return errors.As(err, &denied) && denied.Verb == "create"
			},
		},
		"a Job that may not be made": {
			change: func(_ *testing.T, w *world, _ *BuildOptions) {
				w.Refuse(testcluster.Forbidding("jobs", http.MethodPost))
			},
			failed: func(err error) bool {
				var denied *kube.ForbiddenError
				return errors.As(err, &denied) && denied.Resource == "jobs"
			},
		},
		"a Pod that a quota refuses": {
			change: func(_ *testing.T, w *world, _ *BuildOptions) {
				w.Refuse(func(r *http.Request, kind, _ string) *metav1.Status {
					if kind != "pods" || r.Method != http.MethodPost {
						return nil
					}
					return testcluster.Failure(http.StatusForbidden, metav1.StatusReasonForbidden, `pods "b" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1`)
				})
			},
			failed: func(err error) bool {
				var refused *ephemeral.RefusedError
				return errors.As(err, &refused) && refused.Builder == pod
			},
		},
		"a Pod that its controller may not make": {
			change: func(_ *testing.T, w *world, _ *BuildOptions) {
				w.OnPod(func(pod string) {
					job := strings.TrimSuffix(pod, "-abcde")
					w.Put("events", testcluster.Object{
						"kind": "Event", "apiVersion": "v1", "metadata": testcluster.Object{"name": "e"}, "reason": "FailedCreate",
						"message":        `Error creating: pods "b" is forbidden: violates PodSecurity "baseline:latest": privileged`,
						"involvedObject": testcluster.Object{"kind": "Job", "name": job, "namespace": testcluster.Namespace},
					})
				})
				w.Refuse(func(_ *http.Request, kind, _ string) *metav1.Status {
					if kind == "pods" { // also those that the Job's controller would have made are not seen
						return testcluster.Failure(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "later")
					}
					return nil
				})
			},
			failed: func(err error) bool {
				var refused *ephemeral.RefusedError
				return errors.As(err, &refused) && refused.Err.By == "Pod Security"
			},
		},
		"a builder to be like that there is not": {
			change: func(_ *testing.T, _ *world, o *BuildOptions) { o.Connect.Builder, o.Ephemeral.Named = "other", true },
			failed: func(err error) bool { var missing *cluster.NotFoundError; return errors.As(err, &missing) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				before := w.Names()
				w.solving(test.solve)
				options := once(t, nil)
				if test.change != nil {
					test.change(t, w, &options)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				if _, err := w.driver.Build(ctx, options); err == nil || !test.failed(err) {
					t.Errorf("got %T %v", err, err)
				}
				if took := time.Since(began); took > time.Minute+10*time.Second {
					t.Errorf("it took %v", took)
				}
				left := slices.DeleteFunc(w.left(before), func(name string) bool { return strings.HasPrefix(name, "events/") })
				if len(left) > 0 {
					t.Errorf("there still is %v", left)
				}
			})
		})
	}
}

// A build takes as long as it takes; the builder of a client that is heard of no more goes.
func TestEphemeralBuilderLivesAsLongAsItsClient(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		before := w.Names()
		w.solving(func(ctx context.Context, r *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			time.Sleep(time.Hour)
			return made(ctx, r)
		})
		if _, err := w.driver.Build(t.Context(), once(t, nil)); err != nil {
			t.Errorf("a build of an hour: %v", err)
		}
		var cut time.Time
		w.solving(func(ctx context.Context, _ *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			cut = time.Now()
			w.Refuse(refusing("jobs", testcluster.Failure(http.StatusServiceUnavailable, metav1.StatusReasonServiceUnavailable, "away")))
			<-ctx.Done()
			return nil, ctx.Err()
		})
		_, err := w.driver.Build(t.Context(), once(t, nil))
		var lost *LostError
		if took := time.Since(cut); !errors.As(err, &lost) || took < time.Minute || took > 2*time.Minute {
			t.Errorf("%T %v, after %v", err, err, took)
		}
		if left := w.left(before); len(left) > 0 {
			t.Errorf("there still is %v", left)
		}
	})
}

// A builder for one build that was lost is not waited for: nothing makes it again.
func TestEphemeralBuilderDoesNotComeBack(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var began time.Time
		w.solving(func(ctx context.Context, _ *controlapi.SolveRequest) (*controlapi.SolveResponse, error) {
			began = time.Now()
			for _, name := range w.Names() {
				if kind, name, _ := strings.Cut(name, "/"); kind == "pods" && name != pod {
					go w.Delete(kind, name)
				}
			}
			<-ctx.Done()
			return nil, ctx.Err()
		})
		_, err := w.driver.Build(t.Context(), once(t, nil))
		var lost *LostError
		var gone *ephemeral.GoneError
		if !errors.As(err, &lost) || !errors.As(lost.After, &gone) || time.Since(began) > 15*time.Second {
			t.Errorf("%T %v, after %v", err, err, time.Since(began))
		}
	})
}
