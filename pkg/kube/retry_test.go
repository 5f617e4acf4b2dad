package kube_test

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// A server that is away for a moment ends no wait; one that stays away does.
func TestFollowOutlastsOutages(t *testing.T) {
	const page = `an error on the server ("<html>Bad Gateway</html>") has prevented the request from succeeding (get pods)`
	refusing := func(server *testcluster.Cluster, code int32, only string) {
		server.Refuse(func(r *http.Request, _, _ string) *metav1.Status {
			if isWatch := r.URL.Query().Get("watch") != ""; only != "" && isWatch != (only == "watch") {
				return nil
			}
			return testcluster.Failure(code, metav1.StatusReasonInternalError, page)
		})
	}
	for name, test := range map[string]struct {
		begin func(*testcluster.Cluster)
		after time.Duration
		want  string
	}{
		"down":           {func(s *testcluster.Cluster) { s.Down(testcluster.ErrRefused()) }, 20 * time.Second, ""},
		"502":            {func(s *testcluster.Cluster) { refusing(s, 502, "") }, 20 * time.Second, ""},
		"500 of watches": {func(s *testcluster.Cluster) { refusing(s, 500, "watch") }, 20 * time.Second, ""},
		"504 of lists":   {func(s *testcluster.Cluster) { refusing(s, 504, "list") }, 20 * time.Second, ""},
		"down for long":  {func(s *testcluster.Cluster) { s.Down(testcluster.ErrRefused()) }, time.Hour, "cluster http://127.0.0.1:1 does not answer: " + testcluster.ErrRefused().Error()},
		"502 for long":   {func(s *testcluster.Cluster) { refusing(s, 502, "") }, time.Hour, "asking the cluster to list Pods: it answers 502 Bad Gateway"},
		"forbidden":      {func(s *testcluster.Cluster) { s.Refuse(testcluster.Forbidding("pods", "")) }, time.Hour, `user "jane" may not get pods in namespace "team"`},
	} {
		for _, early := range []bool{false, true} { // before the first list, or during the watch
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server, done := testcluster.New(t), make(chan struct{})
					defer close(done)
					go func() {
						if !early {
							time.Sleep(time.Second)
						}
						test.begin(server)
						server.EndWatches()
						select {
						case <-time.After(test.after):
						case <-done:
						}
						server.Down(nil)
						server.Refuse(nil)
						server.Put("pods", &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: "late"}})
					}()
					if early {
						synctest.Wait()
					}
					start := time.Now()
					err := clientOf(t, server).Follow(t.Context(), kube.KindPod, metav1.ListOptions{}, func(event watch.Event) (bool, error) {
						return event.Type == watch.Added, nil
					}, nil)
					if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
						t.Errorf("early %v: got %v, want %q", early, err, test.want)
					}
					if test.want != "" && time.Since(start) > time.Minute {
						t.Errorf("early %v: it took %v", early, time.Since(start))
					}
				})
			})
		}
	}
}

// What the server is at fault for is not the fault of the request.
func TestServerErrors(t *testing.T) {
	for code, isServer := range map[int32]bool{400: false, 409: false, 429: true, 500: true, 502: true, 503: true, 504: true} {
		server := testcluster.New(t)
		server.Refuse(func(*http.Request, string, string) *metav1.Status { return testcluster.Failure(code, "", "x") })
		err := clientOf(t, server).Get(t.Context(), kube.KindPod, "x", &corev1.Pod{})
		var failed *kube.ServerError
		if errors.As(err, &failed) != isServer || isServer && (fault.Of(err) != fault.Unavailable || int32(failed.Code) != code) {
			t.Errorf("%d: %T %v", code, err, err)
		}
	}
}
