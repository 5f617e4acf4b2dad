package registryauth

import (
	"errors"
	"testing"

	"github.com/moby/buildkit/session/auth"
)

// TestExplain has the words of real daemons and registries.
func TestExplain(t *testing.T) {
	for name, test := range map[string]struct {
		asked []string // hosts the daemon asked for
		text  string
		want  string // the host, "" if it is not a refusal
	}{
		"push without the scope": {
			[]string{"192.0.2.2:5912"},
			"failed to push 192.0.2.2:5912/x/y:1: push access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
			"192.0.2.2:5912",
		},
		"basic authentication": {
			[]string{"192.0.2.2:5913"},
			"failed to push 192.0.2.2:5913/x/y:1: unexpected status from HEAD request to https://192.0.2.2:5913/v2/x/y/blobs/sha256:6ef8: 401 Unauthorized",
			"192.0.2.2:5913",
		},
		"never asked": {
			nil,
			"failed to push r.io/x/y:1: unexpected status from HEAD request to https://r.io/v2/x/y/blobs/sha256:6ef8: 403 Forbidden",
			"r.io",
		},
		"pull from the hub": {
			[]string{hubHost},
			"docker.io/me/private:1: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
			"docker.io",
		},
		"one of two": {
			[]string{hubHost, "r.io"},
			"failed to push r.io/x/y:1: unexpected status from POST request to https://r.io/v2/x/y/blobs/uploads/: 403 Forbidden",
			"r.io",
		},
		"one host is part of another's name": {
			[]string{"r.io", "eu.r.io"},
			"failed to push eu.r.io/x: unexpected status from POST request to https://eu.r.io/v2/x/blobs/uploads/: 403 Forbidden",
			"eu.r.io",
		},
		"one host is the end of another": {
			[]string{"r.io", "eu.r.io"},
			"failed to push eu.r.io/x:1: push access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
			"eu.r.io",
		},
		"end of a host that was not asked for": {
			[]string{"r.io"},
			"failed to push eu.r.io/x: unexpected status from POST request to https://eu.r.io/v2/x/blobs/uploads/: 403 Forbidden",
			"eu.r.io",
		},
		"a step that prints it": {nil, `process "/bin/sh -c curl" did not complete successfully: exit code: 22`, ""},
		"no such image":         {[]string{"r.io"}, "r.io/x:1: not found", ""},
		"refusal of unknown":    {nil, "403 Forbidden", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := mustProvider(t, "{}")
			for _, host := range test.asked {
				if _, err := (&server{provider: p}).Credentials(t.Context(), &auth.CredentialsRequest{Host: host}); err != nil {
					t.Fatal(err)
				}
			}
			cause := errors.New(test.text)
			got := p.Explain(cause)
			var denied *DeniedError
			switch {
			case test.want == "" && (errors.As(got, &denied) || !errors.Is(got, cause)):
				t.Errorf("got %v", got)
			case test.want != "" && !errors.As(got, &denied):
				t.Errorf("got %v, want a refusal of %q", got, test.want)
			case test.want != "" && denied.Host != test.want:
				t.Errorf("got %q, want %q", denied.Host, test.want)
			}
		})
	}
	if err := mustProvider(t, "{}").Explain(nil); err != nil {
		t.Errorf("got %v", err)
	}
}

func FuzzExplain(f *testing.F) {
	f.Add("failed to push r.io/x: https://r.io/v2/x: 403 Forbidden")
	f.Add("https:// /v2/ denied:")
	f.Fuzz(func(t *testing.T, text string) {
		p := &Provider{keychain: &keychain{}, hosts: map[string]*host{"r.io": {}}}
		var denied *DeniedError
		if errors.As(p.Explain(errors.New(text)), &denied) && denied.Host == "" {
			t.Fatalf("%q: a refusal of unknown", text)
		}
	})
}
