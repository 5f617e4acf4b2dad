package explain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

// nextForDenied names the source that counts. A login is advised only where what it stores would be
// used.
func nextForDenied(e *registryauth.DeniedError) string {
	login := "kubectl buildkit login " + e.Host
	const check = "check that these credentials may push and pull there; "
	switch {
	case e.Withheld && e.Source == "":
		return "add it: --registry-auth " + e.Host
	case e.Source == "" && e.Unread == nil:
		return login
	case e.Source == "":
		return nextForUnread(e.Unread, login)
	case e.Origin == registryauth.FromSecret:
		return check + "they are changed in the " + e.Source
	case e.Origin == registryauth.FromEnvironment:
		return check + "what login stores comes after $DOCKER_AUTH_CONFIG: change it there, or unset it"
	case e.Origin == registryauth.FromScope, e.Path != "":
		return check + "they are changed in " + e.Source + ": what login stores comes after them"
	case e.Origin == registryauth.FromHelper && !keeps(e.Helper):
		return check + "they are what docker-credential-" + e.Helper + " gives out: check the identity it uses"
	}
	return check + login + ", which replaces them"
}

// nextForUnread is about a source that should have had credentials.
func nextForUnread(e *registryauth.SourceError, login string) string {
	switch e.Origin {
	case registryauth.FromSecret:
		return "fix the " + e.Source
	case registryauth.FromEnvironment:
		return "fix or unset $DOCKER_AUTH_CONFIG"
	case registryauth.FromHelper:
		if e.None() && keeps(e.Helper) {
			return login
		}
		return fmt.Sprintf("fix or install docker-credential-%s, or take its name out of credsStore and credHelpers in the docker config", e.Helper)
	case registryauth.FromFile, registryauth.FromScope:
		return "fix " + e.Source
	}
	return login
}

// keeps is true of helpers that store what login gives them. Others make up credentials from an
// identity.
func keeps(helper string) bool {
	return slices.Contains([]string{"desktop", "osxkeychain", "wincred", "secretservice", "pass", "store", "file"}, helper)
}

// nextForToken is about token servers, which this machine asks.
func nextForToken(e *registryauth.TokenError) string {
	var unverified *registryauth.UnverifiedRealmError
	switch {
	case errors.As(e, &unverified):
		return fmt.Sprintf("check that this machine reaches %s; or BUILDKIT_NO_CLIENT_TOKEN=1 has the builder fetch the token, which gives it the password", e.Host)
	case e.Proxy != "":
		return fmt.Sprintf("the token is fetched from this machine, through the proxy %s: check it and its password in $HTTPS_PROXY, or add the host to $NO_PROXY", e.Proxy)
	}
	return "the token is fetched from this machine: check that it reaches " + e.Realm
}

func nextForUnreachable(e *registryauth.UnreachableError) string {
	switch {
	case e.Untrusted && e.Proxy != "":
		return fmt.Sprintf("--registry-ca FILE with the PEM of its authority, or of the proxy %s if that reads TLS", e.Proxy)
	case e.Untrusted:
		return "name the PEM file of its authority: --registry-ca FILE"
	case e.Plain:
		return "if its network can be trusted: --insecure"
	case e.Proxy != "":
		return fmt.Sprintf("requests to it go through the proxy %s: check it and its password in $HTTPS_PROXY, or add the registry to $NO_PROXY", e.Proxy)
	}
	return "check the registry's name, and the network"
}

func nextForStore(e *registryauth.StoreError) string {
	switch full := spent(e.Cause); {
	case e.Helper == "" && full:
		return "free space there, or name another directory in $DOCKER_CONFIG"
	case e.Helper == "":
		return "check the permissions there, or name another directory in $DOCKER_CONFIG"
	}
	return fmt.Sprintf("fix or install %s, or take its name out of credsStore and credHelpers in %s", e.Helper, e.Path)
}

// nextForLogin adds what some registries do not report to their users.
func nextForLogin(e *registryauth.LoginError) string {
	is := func(ends ...string) bool {
		for _, end := range ends {
			if e.Host == end || strings.HasSuffix(e.Host, "."+end) {
				return true
			}
		}
		return false
	}
	switch {
	case e.Unasked:
		return "no password was sent: check the registry's name, and whether a firewall or the registry itself denies this machine's address"
	case is("ocir.io"):
		return "the user name is TENANCY-NAMESPACE/USER (with an identity domain TENANCY-NAMESPACE/DOMAIN/USER), the password an auth token made in the console"
	case is("docker.io"):
		return "with two-factor authentication or single sign-on the password is a personal access token"
	case is("ghcr.io"):
		return "the password is a personal access token (classic) with the scope write:packages"
	case is("gcr.io", "pkg.dev"):
		return "the user name is oauth2accesstoken with a token of gcloud auth print-access-token, or _json_key with a key file"
	case is("amazonaws.com"):
		return "the user name is AWS, the password what aws ecr get-login-password prints; it is good for twelve hours"
	case is("azurecr.io"):
		return "the user name is that of a service principal or a token; or 00000000-0000-0000-0000-000000000000 with what az acr login --expose-token prints"
	}
	return "check user name and password; some registries want an access token in place of the password"
}
