// Package token is the small token server before the registry with bearer tokens. It speaks Docker's token protocol, the
// GET form and the OAuth 2 form. It must not know what the registry does with a token.
package token

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Lifetime is how long a token is valid: long enough for a build step, short enough that a long build renews it.
const Lifetime = 5 * time.Minute

// Access is one entry of a token's claims: what its bearer may do with a repository.
type Access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// User is what the server knows of a user.
type User struct {
	Password string
	Actions  []string // what the user may do, e.g. "pull"; "*" is everything
}

// parseScopes reads "repository:NAME:ACTION,ACTION", several of them separated by spaces. A name may hold colons.
// What does not look like a scope is left out: it grants nothing.
func parseScopes(parameters []string) []Access {
	var scopes []Access
	for _, scope := range strings.Fields(strings.Join(parameters, " ")) {
		first, last := strings.Index(scope, ":"), strings.LastIndex(scope, ":")
		if first <= 0 || last <= first {
			continue
		}
		scopes = append(scopes, Access{
			Type: scope[:first], Name: scope[first+1 : last], Actions: strings.Split(scope[last+1:], ","),
		})
	}
	return scopes
}

// grant cuts what was asked for down to what the user may do. A token for less than was asked is not an error of this
// server: it is the registry that then refuses.
func grant(asked []Access, allowed []string) []Access {
	granted := []Access{}
	for _, access := range asked {
		actions := slices.DeleteFunc(slices.Clone(access.Actions), func(action string) bool {
			return !slices.Contains(allowed, "*") && !slices.Contains(allowed, action)
		})
		if len(actions) > 0 {
			granted = append(granted, Access{Type: access.Type, Name: access.Name, Actions: actions})
		}
	}
	return granted
}

// signer makes tokens that carry the certificate of their key, which a registry checks against its authority.
type signer struct {
	pair    tls.Certificate
	issuer  string
	service string
}

func (s signer) sign(user string, access []Access, now time.Time) (string, error) {
	var chain []string
	for _, der := range s.pair.Certificate {
		chain = append(chain, base64.StdEncoding.EncodeToString(der))
	}
	header, err := encode(map[string]any{"typ": "JWT", "alg": "ES256", "x5c": chain})
	if err != nil {
		return "", err
	}
	claims, err := encode(map[string]any{
		"iss": s.issuer, "aud": s.service, "sub": user, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(Lifetime).Unix(),
		"access": access,
	})
	if err != nil {
		return "", err
	}
	key, ok := s.pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return "", fmt.Errorf("signing token: the key is a %T, not an ECDSA key", s.pair.PrivateKey)
	}
	digest := sha256.Sum256([]byte(header + "." + claims))
	r, t, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	signature := make([]byte, 64) // JWS wants both numbers at full length, one after the other
	r.FillBytes(signature[:32])
	t.FillBytes(signature[32:])
	return header + "." + claims + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func encode(value any) (string, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encoding token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(data), nil
}
