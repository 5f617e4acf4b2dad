package kube_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
)

// The API server answers expired credentials as ones it never knew. The user must read which it is.
func TestUnauthorizedTellsOfExpiredCredentials(t *testing.T) {
	certificate := func(issued time.Time) rest.Config {
		certificates, err := trust.Issue(issued, "jane")
		if err != nil {
			t.Fatal(err)
		}
		return rest.Config{TLSClientConfig: rest.TLSClientConfig{
			CertData: certificates.Client.Certificate, KeyData: certificates.Client.Key,
		}}
	}
	token := func(payload string) rest.Config {
		return rest.Config{BearerToken: "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".signature"}
	}
	old := time.Date(2001, 2, 3, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		config rest.Config
		want   string
	}{
		"old certificate":   {certificate(old), "the client certificate expired on 200"},
		"good certificate":  {certificate(time.Now()), "Unauthorized"},
		"old token":         {token(fmt.Sprintf(`{"exp":%d}`, old.Unix())), "the token expired on 2001-02-0"},
		"good token":        {token(fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Hour).Unix())), "Unauthorized"},
		"endless token":     {token(`{}`), "Unauthorized"},
		"opaque token":      {rest.Config{BearerToken: "secret"}, "Unauthorized"},
		"token with points": {rest.Config{BearerToken: "a.%.c"}, "Unauthorized"},
	} {
		t.Run(name, func(t *testing.T) {
			server := testcluster.New(t)
			server.Refuse(func(*http.Request, string, string) *metav1.Status {
				return testcluster.Failure(http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized")
			})
			c.config.Host, c.config.Dial = server.Config().Host, server.Config().Dial
			client, err := kube.New(&c.config, testcluster.Namespace)
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Get(t.Context(), kube.KindPod, "buildkitd", &corev1.Pod{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
