package driver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
)

func status(code int32) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: metav1.StatusReason(http.StatusText(int(code)))}}
}

func TestTimeouts(t *testing.T) {
	const whole = 2 * time.Minute
	dialing := func(err error) error { return &tunnel.DialError{Err: err} }
	for name, test := range map[string]struct {
		err               error
		atStart, onceLost time.Duration
	}{
		"refused connection":       {&kube.UnreachableError{Err: errors.New("connection refused")}, whole, whole},
		"no such host":             {&kube.UnreachableError{Err: &net.DNSError{Err: "no such host"}}, 0, whole},
		"EOF while dialing":        {dialing(errors.New("EOF")), whole, whole},
		"a node without its TLS":   {dialing(errors.New("remote error: tls: internal error")), whole, whole},
		"server error":             {fmt.Errorf("asking: %w", status(503)), whole, whole},
		"server error at the dial": {dialing(status(500)), whole, whole},
		"too many requests":        {status(429), whole, whole},
		"a link that broke":        {&solve.LostError{Cause: errors.New("EOF")}, whole, whole},
		"forbidden":                {&kube.ForbiddenError{}, 0, deniedTimeout},
		"forbidden tunnel":         {&tunnel.ForbiddenError{}, 0, deniedTimeout},
		"expired token":            {&kube.UnauthorizedError{}, 0, deniedTimeout},
		"no credentials":           {&kube.CredentialsError{Err: errors.New("x")}, 0, deniedTimeout},
		"none at the dial":         {dialing(errors.New(`Get "https://h": getting credentials: exec: executable aws failed with exit code 1`)), 0, deniedTimeout},
		"no Pod":                   {&cluster.NotReadyError{Reason: cluster.ReasonMissing}, 0, absenceTimeout},
		"no builder":               {&cluster.NotFoundError{}, 0, absenceTimeout},
		"certificates do not fit":  {&solve.TLSError{Cause: errors.New("tls")}, 0, absenceTimeout},
		"another's Pod":            {&cluster.UnverifiedError{Doubt: cluster.DoubtCertificates}, 0, absenceTimeout},
		"a Pod that starts":        {&cluster.NotReadyError{Reason: "ContainerCreating", Starting: true}, podStartTimeout, whole},
		"a Pod whose image lacks":  {&cluster.NotReadyError{Reason: "ImagePullBackOff"}, 0, whole},
		"a Pod that ends":          {&cluster.TerminatingError{}, 0, whole},
		"expired certificates":     {&cluster.ExpiredError{}, 0, 0},
		"no namespace":             {&kube.NamespaceNotFoundError{}, 0, 0},
		"interrupted":              {context.Canceled, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (retryPolicy{within: whole}).timeout(test.err); got != test.atStart {
				t.Errorf("at the start %v, want %v", got, test.atStart)
			}
			if got := (retryPolicy{within: whole, reached: true}).timeout(test.err); got != test.onceLost {
				t.Errorf("after a loss %v, want %v", got, test.onceLost)
			}
		})
	}
}

func TestPauses(t *testing.T) {
	s, err := retryPolicy{within: 10 * time.Second}, &kube.UnreachableError{Err: errors.New("refused")}
	for tries, want := range map[int]time.Duration{1: 250 * time.Millisecond, 2: 500 * time.Millisecond, 4: 2 * time.Second, 9: 4 * time.Second} {
		if got := s.next(err, tries, time.Second); got != want {
			t.Errorf("after %d tries %v, want %v", tries, got, want)
		}
	}
	if got := s.next(err, 9, 9*time.Second); got != time.Second {
		t.Errorf("near the end %v, want the rest of the time", got)
	}
	if got := s.next(err, 9, 10*time.Second); got >= 0 {
		t.Errorf("at the end %v, want no other try", got)
	}
	if got := s.next(context.Canceled, 1, 0); got >= 0 {
		t.Errorf("after an interrupt %v, want no other try", got)
	}
}

func TestRetry(t *testing.T) {
	notices, tries := 0, 0
	got, err := retry(t.Context(), retryPolicy{within: time.Minute}, func(error) { notices++ }, func(context.Context) (int, error) {
		if tries++; tries < 3 {
			return 0, &kube.UnreachableError{Err: errors.New("refused")}
		}
		return 7, nil
	})
	if got != 7 || err != nil || tries != 3 || notices != 1 {
		t.Errorf("got %d, %v after %d tries, notices %d times", got, err, tries, notices)
	}
	final := &kube.ForbiddenError{}
	if _, err := retry(t.Context(), retryPolicy{within: time.Minute}, nil, func(context.Context) (int, error) { return 0, final }); !errors.Is(err, final) {
		t.Errorf("got %v", err)
	}
}
