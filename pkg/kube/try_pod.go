package kube

import (
	"context"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// How often, and how many times, a Pod is tried again in a namespace so new that its default
// service account is still being made.
const (
	accountPause = 200 * time.Millisecond
	accountTries = 25
)

// TryPod asks the server, without effect, whether the Pod could be created now, and returns the Pod
// that it would make of it.
//
// A namespace so new that its default service account is still being made refuses every Pod, which
// says nothing about this one: it asks again for a while. The error is an *AdmissionError when Pod
// Security, a quota or a webhook says no, or one of Create.
func (c *Client) TryPod(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
	for tries := 0; ; tries++ {
		made := pod.DeepCopy()
		err := c.Create(ctx, made, true)
		if err == nil {
			return made, nil
		}
		unready := pod.Spec.ServiceAccountName == "" &&
			strings.Contains(err.Error(), "error looking up service account")
		if !unready || tries == accountTries {
			return nil, err
		}
		if err := Pause(ctx, accountPause); err != nil {
			return nil, err
		}
	}
}
