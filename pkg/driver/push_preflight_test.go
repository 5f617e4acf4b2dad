package driver

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// Secrets of the cluster are read for the build that names them.
func TestSecretsOfTheCluster(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.daemons[pod].OnSolve = made
		config := []byte(`{"auths":{"r.io":{"username":"u","password":"p"}}}`)
		w.Put("secrets",
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "pull"}, Type: corev1.SecretTypeDockerConfigJson, Data: map[string][]byte{corev1.DockerConfigJsonKey: config}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "npm"}, Data: map[string][]byte{"token": []byte("t")}})
		w.Put("serviceaccounts", &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Name: "ci"}, ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}, {Name: "gone"}},
		})
		_, err := w.driver.Build(t.Context(), building(t, func(o *BuildOptions) {
			o.Registries.Secrets, o.Registries.ServiceAccounts = []string{"pull"}, []string{"ci"}
			o.Request.Secret = []string{"id=npm,k8s=npm/token"}
		}))
		if err != nil {
			t.Fatal(err)
		}
		w.noted(t, `warning: --registry-service-account "ci": not used:`)
		w.Refuse(refusing("secrets", testcluster.Forbidden("get", "secrets", "npm")))
		_, err = w.driver.Build(t.Context(), building(t, func(o *BuildOptions) { o.Request.Secret = []string{"id=npm,k8s=npm/token"} }))
		if !is[*ClusterSecretError](err) || !is[*kube.ForbiddenError](err) {
			t.Errorf("got %v", err)
		}
	})
}

func TestDoubtsAboutAPush(t *testing.T) {
	managed, unmanaged := &Connection{Certificates: &cluster.Connection{}}, &Connection{}
	for _, test := range []struct {
		doubt registryauth.UnreachableError
		on    *Connection
		want  string // empty without a warning
	}{
		{registryauth.UnreachableError{Host: "r.io"}, managed, "if builder"},
		{registryauth.UnreachableError{Host: "r.io", Plain: true}, managed, "; the push will fail"},
		{registryauth.UnreachableError{Host: "r.io", Untrusted: true}, managed, "; the push will fail"},
		{registryauth.UnreachableError{Host: "r.io", Untrusted: true}, unmanaged, ""},
		{registryauth.UnreachableError{Host: "127.0.0.1:5000"}, managed, ""},
		{registryauth.UnreachableError{Host: "registry.team.svc:5000", Plain: true}, managed, ""},
	} {
		p := &preflight{done: make(chan struct{}), doubts: []*registryauth.UnreachableError{&test.doubt}}
		close(p.done)
		var shown []string
		p.warn(t.Context(), test.on, func(n Notice) { shown = append(shown, n.Text) })
		if text := strings.Join(shown, "\n"); (text == "") != (test.want == "") || !strings.Contains(text, test.want) {
			t.Errorf("%+v: %q, want %q", test.doubt, text, test.want)
		}
	}
}

// What a registry refuses ends the build before its first step, and while it is under way.
func TestRefusedPushEndsTheBuild(t *testing.T) {
	refused := &PreflightError{Err: errors.New("denied")}
	p := &preflight{done: make(chan struct{}), err: refused}
	if err := p.or(http.ErrServerClosed); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("before the answer %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := p.wait(ctx); err != nil {
		t.Errorf("before the answer %v", err)
	}
	close(p.done)
	if err := errors.Join(p.wait(t.Context()), p.or(nil)); !errors.Is(err, refused) || refused.Error() != "denied" {
		t.Errorf("after the answer %v", err)
	}
}

func TestTraceIsAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trace")
	target, err := safefile.NewTarget(path, safefile.TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		file, err := openTrace(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "xx" {
		t.Errorf("got %q, %v", text, err)
	}
	if file, err := openTrace(t.Context(), nil); err != nil || file.Close() != nil {
		t.Errorf("no trace: %v", err)
	}
}
