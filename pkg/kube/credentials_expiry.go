package kube

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// Expiry is the end of a user's credentials.
type Expiry struct {
	What string // "client certificate" or "token"
	When time.Time
}

// maxCertificate bounds, in bytes, a user's certificate.
const maxCertificate = 1 << 20

// expired reads from the credentials themselves that their time is over; nil if they do not say so.
// The API server answers "Unauthorized" to those as to ones that it never knew.
func expired(config *rest.Config, now time.Time) *Expiry {
	certificate := config.CertData
	if len(certificate) == 0 && config.CertFile != "" {
		certificate, _ = safefile.Read(config.CertFile, maxCertificate) // one that cannot be read was not sent
	}
	if end, err := trust.End(certificate); err == nil && now.After(end) {
		return &Expiry{What: "client certificate", When: end}
	}
	if end, ok := tokenEnd(config.BearerToken); ok && now.After(end) {
		return &Expiry{What: "token", When: end}
	}
	return nil
}

// tokenEnd is the "exp" of a JSON Web Token (RFC 7519), which Kubernetes' own tokens and most
// identity providers' are.
func tokenEnd(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Expires *float64 `json:"exp"` // seconds since 1970
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Expires == nil {
		return time.Time{}, false
	}
	return time.Unix(int64(*claims.Expires), 0), true
}
