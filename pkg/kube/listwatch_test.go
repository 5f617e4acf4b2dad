package kube_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// What exists is seen first, then each change. A watch that ends is begun anew, with a list.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := testcluster.New(t)
		pod := func(name string) *corev1.Pod {
			return &corev1.Pod{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name}}
		}
		server.Put("pods", pod("one"))
		var seen []string
		visit := func(event watch.Event) (bool, error) {
			if event.Type == kube.Listed {
				seen = append(seen, "LIST")
				return false, nil
			}
			name := event.Object.(*corev1.Pod).Name
			seen = append(seen, string(event.Type)+" "+name)
			return name == "three", nil
		}
		go func() {
			time.Sleep(time.Second)
			server.Put("pods", pod("two"))
			time.Sleep(time.Second)
			server.Delete("pods", "one")
			time.Sleep(time.Second)
			server.EndWatches()
			time.Sleep(time.Second)
			server.Put("pods", pod("three"))
		}()
		if err := clientOf(t, server).Follow(t.Context(), kube.KindPod, metav1.ListOptions{}, visit, nil); err != nil {
			t.Fatal(err)
		}
		want := []string{"LIST", "ADDED one", "ADDED two", "DELETED one", "LIST", "ADDED two", "ADDED three"}
		if !slices.Equal(seen, want) {
			t.Errorf("seen %q, want %q", seen, want)
		}
	})
}

func TestFollowEnds(t *testing.T) {
	failed := errors.New("failed")
	for name, test := range map[string]struct {
		visit    func(watch.Event) (bool, error)
		complete func() bool
		want     error
	}{
		"with its list":     {func(watch.Event) (bool, error) { return false, nil }, func() bool { return true }, nil},
		"with an error":     {func(watch.Event) (bool, error) { return false, failed }, nil, failed},
		"with one event":    {func(event watch.Event) (bool, error) { return event.Type == watch.Added, nil }, nil, nil},
		"with its context":  {func(watch.Event) (bool, error) { return false, nil }, nil, context.DeadlineExceeded},
		"not at all before": {func(watch.Event) (bool, error) { return false, nil }, func() bool { return false }, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := testcluster.New(t)
				server.Put("events", &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "one"}})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := clientOf(t, server).Follow(ctx, kube.KindEvent, metav1.ListOptions{}, test.visit, test.complete)
				if !errors.Is(err, test.want) {
					t.Errorf("got %v, want %v", err, test.want)
				}
			})
		})
	}
}
