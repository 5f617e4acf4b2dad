package kube_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
)

// A program for credentials that hangs does not hold a command that was interrupted.
func TestProgramForCredentialsThatHangs(t *testing.T) {
	runs := filepath.Join(t.TempDir(), "runs")
	client, err := kube.New(&rest.Config{Host: "https://127.0.0.1:1", ExecProvider: &clientcmdapi.ExecConfig{
		APIVersion: "client.authentication.k8s.io/v1", Command: "sh", Args: []string{"-c", "touch " + runs + "; exec sleep 10 >/dev/null 2>&1"},
		InteractiveMode: clientcmdapi.NeverExecInteractiveMode,
	}}, "team")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- client.Get(ctx, kube.KindPod, "x", &corev1.Pod{}) }()
	for time.Since(began) < 5*time.Second {
		if _, err := os.Stat(runs); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || time.Since(began) > 8*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}
