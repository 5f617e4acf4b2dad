package request

import (
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

func TestParseSSH(t *testing.T) {
	for value, want := range map[string]struct {
		id    string
		paths []string
		raw   bool
	}{
		"default":               {"default", nil, false},
		"git=/a,/b":             {"git", []string{"/a", "/b"}, false},
		"=/a":                   {"default", []string{"/a"}, false},
		"x=":                    {"x", nil, false},
		"docker=/sock,raw=true": {"docker", []string{"/sock"}, true},
	} {
		got, err := parseSSH(value)
		if err != nil || got.ID != want.id || !slices.Equal(got.Paths, want.paths) || got.Raw != want.raw {
			t.Errorf("%s: got %+v, %v", value, got, err)
		}
	}
}

func TestSSH(t *testing.T) {
	env := workspace(t, nil)
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("word"))
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"key": plain, "locked": locked} {
		if err := os.WriteFile(filepath.Join(env.WorkingDir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		values []string
		want   string // a part of the error; "" if there is none
	}{
		"a key":          {[]string{"default=key"}, ""},
		"no agent":       {[]string{"default"}, "$SSH_AUTH_SOCK is not set"},
		"no key":         {[]string{"default=nope"}, "no such file"},
		"a passphrase":   {[]string{"default=locked"}, "ssh-add KEY"},
		"no key at all":  {[]string{"default=Dockerfile"}, "Dockerfile"},
		"twice":          {[]string{"a=key", "a=key"}, "given twice"},
		"raw of nothing": {[]string{"a=raw=true"}, "needs one socket"},
		"raw of what":    {[]string{"a=key,raw=perhaps"}, "not a boolean"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := New(t.Context(), with(func(o *Options) { o.SSHKeys = test.values }), env)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want == "" && len(r.Attempt().Options.Session) != 1:
				t.Error("the session has no agent")
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "agent config")):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// A Dockerfile that git fetches may be another's: it gets the agent only where the user says so.
func TestGitOverSSHGetsNoAgentUnasked(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	agent, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = agent.Close() }()
	env := workspace(t, map[string]string{agentSocket: socket})
	wantUsage(t, with(func(o *Options) { o.Path = "git@example.com:a/b.git" }), env, "PATH", "add --ssh default")
	r, err := New(t.Context(), with(func(o *Options) { o.Path, o.SSHKeys = "git@example.com:a/b.git", []string{"default"} }), env)
	if err != nil || len(r.Attempt().Options.Session) != 1 {
		t.Errorf("with --ssh: got %v", err)
	}
	r, err = New(t.Context(), with(func(o *Options) { o.Path = "https://example.com/a/b.git" }), env)
	if err != nil || len(r.Attempt().Options.Session) != 0 {
		t.Errorf("over https: got %v", err)
	}
}

func FuzzSSH(f *testing.F) {
	for _, seed := range []string{"default", "a=b,c", "=", "a=raw=true,b", "a=,raw=0", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		config, err := parseSSH(value)
		checkFuzzed(t, err)
		if err == nil && config.ID == "" {
			t.Fatalf("%q has no ID", value)
		}
	})
}
