package registryauth

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOrder is the order in which credentials are found: source, path, and what the registry says
// of the ones before.
func TestOrder(t *testing.T) {
	is := func(user string) string { return `{"auth":"` + encoded(user, "p") + `"}` }
	type config = map[string]string // path in the docker config's directory to text
	for name, test := range map[string]struct {
		secrets []string
		env     string
		files   config
		at      purpose
		want    []string // the users, in their order
	}{
		"nothing":                 {at: purpose{host: "r.io"}},
		"file":                    {files: config{configFile: `{"auths":{"r.io":` + is("file") + `}}`}, at: purpose{host: "r.io", path: "a"}, want: []string{"file"}},
		"environment before file": {env: `{"auths":{"r.io":` + is("env") + `}}`, files: config{configFile: `{"auths":{"r.io":` + is("file") + `}}`}, at: purpose{host: "r.io"}, want: []string{"env", "file"}},
		"an empty one is not a credential": {env: `{"auths":{"r.io":{}}}`, files: config{configFile: `{"auths":{"r.io":` + is("file") + `}}`},
			at: purpose{host: "r.io"}, want: []string{"file"}},
		"all": {
			secrets: []string{`{"auths":{"r.io":` + is("first") + `}}`, `{"auths":{"r.io":` + is("second") + `}}`},
			env:     `{"auths":{"r.io":` + is("env") + `}}`,
			files: config{
				configFile: `{"auths":{"r.io":` + is("file") + `}}`, "buildx/config/r.io/config.json": `{"auths":{"r.io":` + is("host") + `}}`,
				"buildx/config/r.io@push/config.json": `{"auths":{"r.io":` + is("host-push") + `}}`, "buildx/config/r.io/a/b/config.json": `{"auths":{"r.io":` + is("repo") + `}}`,
				"buildx/config/r.io/a/b@push/config.json": `{"auths":{"r.io":` + is("repo-push") + `}}`, "buildx/config/r.io/a/config.json": `{"auths":{"r.io":` + is("other") + `}}`,
			},
			at: purpose{host: "r.io", path: "a/b", push: true}, want: []string{"first", "second", "env", "repo-push", "repo", "host-push", "host", "file"},
		},
		"a pull has no credentials of pushes": {files: config{"buildx/config/r.io/a/b@push/config.json": `{"auths":{"r.io":` + is("push") + `}}`,
			"buildx/config/r.io/a/b@pull/config.json": `{"auths":{"r.io":` + is("pull") + `}}`}, at: purpose{host: "r.io", path: "a/b"}, want: []string{"pull"}},
		"longest path": {secrets: []string{`{"auths":{"r.io":` + is("host") + `,"r.io/a":` + is("a") + `,"r.io/a/b":` + is("ab") + `,"r.io/b":` + is("b") + `,"r.io/a/bc":` + is("abc") + `}}`},
			at: purpose{host: "r.io", path: "a/b/c"}, want: []string{"ab", "a", "host"}},
		"longest path over several Secrets": {secrets: []string{`{"auths":{"r.io":` + is("host") + `}}`, `{"auths":{"r.io/a":` + is("a") + `}}`}, at: purpose{host: "r.io", path: "a/b"}, want: []string{"a", "host"}},
		"of equals the first Secret":        {secrets: []string{`{"auths":{"r.io/a":` + is("z") + `}}`, `{"auths":{"r.io/a":` + is("a") + `}}`}, at: purpose{host: "r.io", path: "a/b"}, want: []string{"z", "a"}},
		"a path is for no other":            {secrets: []string{`{"auths":{"r.io/a":` + is("a") + `}}`}, at: purpose{host: "r.io", path: "ab/c"}},
		"nor for the whole registry":        {secrets: []string{`{"auths":{"r.io/a":` + is("a") + `}}`}, at: purpose{host: "r.io"}},
		"path in the file, then its host":   {files: config{configFile: `{"auths":{"r.io":` + is("host") + `,"https://r.io/a":` + is("a") + `}}`}, at: purpose{host: "r.io", path: "a"}, want: []string{"a", "host"}},
		"old URLs":                          {files: config{configFile: `{"auths":{"https://r.io/v1/":` + is("v1") + `,"r.io":` + is("plain") + `,"http://r.io/v2/":` + is("v2") + `}}`}, at: purpose{host: "r.io", path: "v1"}, want: []string{"plain", "v2", "v1"}},
		"other port":                        {files: config{configFile: `{"auths":{"r.io:5000":` + is("port") + `,"r.io":` + is("none") + `}}`}, at: purpose{host: "r.io:5000"}, want: []string{"port"}},
		"kubelet's pattern":                 {secrets: []string{`{"auths":{"*.r.io":` + is("star") + `,"eu*.r.io/a":` + is("eu") + `,"*.io":` + is("short") + `}}`}, at: purpose{host: "eu1.r.io", path: "a"}, want: []string{"eu", "star"}},
		"no pattern in docker's config":     {files: config{configFile: `{"auths":{"*.r.io":` + is("star") + `}}`}, at: purpose{host: "eu1.r.io"}},
		"hub":                               {files: config{configFile: `{"auths":{"docker.io":` + is("name") + `,"` + hubKey + `":` + is("key") + `,"docker.io/team":` + is("team") + `}}`}, at: purpose{host: hubHost, path: "team/app"}, want: []string{"team", "key", "name"}},
		"hardened images":                   {files: config{configFile: `{"auths":{"` + hubKey + `":` + is("hub") + `}}`}, at: purpose{host: "dhi.io", path: "python"}, want: []string{"hub"}},
		"hardened images, own login":        {files: config{configFile: `{"auths":{"` + hubKey + `":` + is("hub") + `,"dhi.io":` + is("own") + `}}`}, at: purpose{host: "dhi.io", path: "python"}, want: []string{"own", "hub"}},
		"scout":                             {env: `{"auths":{"` + hubKey + `":` + is("hub") + `}}`, at: purpose{host: "registry.scout.docker.com", path: "a"}, want: []string{"hub"}},
		"the hub's login is for no other":   {files: config{configFile: `{"auths":{"` + hubKey + `":` + is("hub") + `}}`}, at: purpose{host: "notdhi.io", path: "python"}},
		"broken ones are passed over":       {env: `{"auths":{"r.io":{"auth":"!"}}}`, files: config{configFile: `{"auths":{"r.io":` + is("file") + `}}`}, at: purpose{host: "r.io"}, want: []string{"file"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for path, text := range test.files {
				path = filepath.Join(dir, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c := Read(Options{Directory: dir, LookupEnv: func(name string) (string, bool) {
				if name == authEnv {
					return test.env, true
				}
				return "", false
			}})
			var build Build
			for i, text := range test.secrets {
				secret, err := ParseSecret("Secret "+string(rune('a'+i)), []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				build.Secrets = append(build.Secrets, secret)
			}
			if got := users(t, c.Provider(build), test.at); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			c.Limit([]string{"elsewhere.io"})
			if got := users(t, c.Provider(build), test.at); len(got) != 0 {
				t.Errorf("not allowed, but got %q", got)
			}
		})
	}
}

func users(t *testing.T, p *Provider, at purpose) (list []string) {
	t.Helper()
	for _, each := range p.sourcesFor(at) {
		if credentials, _ := each.read(t.Context()); !credentials.anonymous() {
			list = append(list, credentials.Username)
		}
	}
	return list
}

// TestNextCandidate proves that credentials which a registry refuses give way to the next ones, for
// a token, for a preflight and for the password alike, that this is shown, and that none is used
// where none is accepted.
func TestNextCandidate(t *testing.T) {
	right, wrong, reader := encoded("u", secret), encoded("w", "wrong-Password"), encoded("reader", secret)
	for name, test := range map[string]struct {
		scheme      string
		env, file   string
		missing     bool
		path        string
		want        string // the user; "" is refused
		wantRefused int
	}{
		"wrong, then right":             {scheme: "Bearer", env: wrong, file: right, want: "u", wantRefused: 1},
		"may not push, then right":      {scheme: "Bearer", env: reader, file: right, want: "u", wantRefused: 1},
		"right at once":                 {scheme: "Bearer", env: right, file: wrong, want: "u"},
		"both wrong":                    {scheme: "Bearer", env: wrong, file: wrong},
		"both may not":                  {scheme: "Bearer", env: reader, file: reader},
		"new repository, wrong first":   {scheme: "Bearer", env: wrong, file: right, missing: true, want: "u", wantRefused: 1},
		"passwords, wrong, then right":  {scheme: "Basic", env: wrong, file: right, want: "u", wantRefused: 1},
		"passwords, may not, then may":  {scheme: "Basic", env: reader, file: right, want: "u", wantRefused: 1},
		"passwords, new repository":     {scheme: "Basic", env: reader, file: right, missing: true, want: "u", wantRefused: 1},
		"passwords, both wrong":         {scheme: "Basic", env: wrong, file: wrong},
		"passwords, only one, is wrong": {scheme: "Basic", file: wrong},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, test.scheme, false, nil)
			if test.missing {
				f.missing = []string{"a/b"}
			}
			env := map[string]string{}
			if test.env != "" {
				env[authEnv] = `{"auths":{"` + f.host() + `":{"auth":"` + test.env + `"}}}`
			}
			reference := f.host() + "/a/b:1"
			p := configOf(t, `{"auths":{"`+f.host()+`":{"auth":"`+test.file+`"}}}`, env).Provider(Build{Pushes: []string{reference}})
			if err := p.Trust(f.ca); err != nil {
				t.Fatal(err)
			}
			var shown steps
			_, err := p.Preflight(t.Context(), []string{reference})
			if (err == nil) != (test.want != "") {
				t.Errorf("the preflight says %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "wrong-Password") {
				t.Errorf("%q has the password", err)
			}
			if err != nil && test.env != "" && (!strings.Contains(err.Error(), authEnv) || !strings.Contains(err.Error(), configFile)) {
				t.Errorf("%q does not name both sources", err)
			}
			known := p.hosts[f.host()]
			if test.want != "" && (known.credentials.Username != test.want || len(known.refused) != test.wantRefused) {
				t.Errorf("%s is used, after %d", known.credentials.Username, len(known.refused))
			}
			if test.scheme == "Basic" {
				if got := (&server{provider: p}).accepted(t.Context(), p.purposeOf(f.host())); test.want != "" && got.Username != test.want {
					t.Errorf("the daemon gets %q", got.Username)
				}
				return
			}
			if got, err := tokenShown(t, p, &shown, f.host()); test.want != "" && (got != test.want || err != nil) {
				t.Errorf("the daemon gets %q, %v", got, err)
			}
			for _, line := range shown.names {
				if strings.Contains(line, secret) || strings.Contains(line, "wrong-Password") {
					t.Errorf("shown is %q", line)
				}
			}
		})
	}
}

// TestNothingIsMade proves that no question before a push makes a repository: no upload is begun,
// and no token server is asked for a push to a repository that was not seen.
func TestNothingIsMade(t *testing.T) {
	for _, scheme := range []string{"Bearer", "Basic", ""} {
		for _, missing := range []bool{false, true} {
			for _, auth := range []string{encoded("u", secret), encoded("reader", secret), encoded("u", "wrong"), ""} {
				f := newFake(t, scheme, false, nil)
				if missing {
					f.missing = []string{"a/b"}
				}
				p := trustingFake(t, f, `{"auths":{"HOST":{"auth":"`+auth+`"}}}`)
				_, _ = p.Preflight(t.Context(), []string{f.host() + "/a/b:1"})
				_, _ = p.MayPush(t.Context(), f.host()+"/a/b:1")
				for _, method := range []string{"POST", "PUT", "DELETE"} {
					if asked := f.asked(method); len(asked) > 0 {
						t.Errorf("%s: sent %q", scheme, asked)
					}
				}
				for _, token := range f.asked("token") {
					if missing && auth != "" && strings.Contains(token, "push") {
						t.Errorf("%s: asked %q of a repository that does not exist", scheme, token)
					}
				}
			}
		}
	}
}
