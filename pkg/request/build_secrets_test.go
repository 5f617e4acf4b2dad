package request

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/buildkit/session/secrets/secretsprovider"
)

func TestParseSecret(t *testing.T) {
	for value, want := range map[string]secret{
		"id=a":                       {id: "a"},
		"id=a,src=f":                 {id: "a", file: "f"},
		"id=a,source=f,type=file":    {id: "a", file: "f"},
		"ID=a,env=E":                 {id: "a", env: "E"},
		"type=env,id=a,src=E":        {id: "a", env: "E"},
		`id=a,"src=with, comma.txt"`: {id: "a", file: "with, comma.txt"},
	} {
		want.typed = value
		if got, err := parseSecret(value); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", value, got, err)
		}
	}
	for value, part := range map[string]string{
		"src=f": "id= is missing", "id=a,b": "not key=value", "id=a,type=x": `unknown type "x"`, "id=a,x=y": `unknown key "x"`,
		"id=a,src=f,env=E": "both a file and a variable", "id=a,type=file,env=E": "does not read a variable", `id="a`: "cannot parse",
	} {
		if _, err := parseSecret(value); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want %q", value, err, part)
		}
	}
}

func TestSecretSources(t *testing.T) {
	env := workspace(t, map[string]string{"TOKEN": "of env", "both": "of env"})
	for name, text := range map[string]string{"file": "of file", "both": "of file", "large": strings.Repeat("x", secretsprovider.MaxSecretSize+1)} {
		if err := os.WriteFile(filepath.Join(env.WorkingDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for value, want := range map[string]string{
		"id=x,src=file": "of file", "id=x,env=TOKEN": "of env", "id=TOKEN": "of env", "id=file": "of file", "id=both": "of env", "id=x,env=UNSET": "",
	} {
		s, err := parseSecret(value)
		if err != nil {
			t.Fatal(err)
		}
		r := &Request{}
		got, err := s.read(r, env)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v", value, got, err)
		}
		if warned := len(r.warnings) > 0; warned != (want == "") {
			t.Errorf("%s: the warnings are %q", value, r.warnings)
		}
	}
	for value, part := range map[string]string{
		"id=nope": "no such file", "id=x,src=nope": "relative to the working directory", "id=x,src=.": "is a directory", "id=large": "larger than",
	} {
		_, err := New(t.Context(), with(func(o *Options) { o.Secret = []string{value} }), env)
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want %q", value, err, part)
		}
	}
}

func FuzzSecret(f *testing.F) {
	for _, seed := range []string{"id=a", "id=a,src=b", "type=env,id=a,src=b", `"id=a`, "=", ",", "id", "id=a,env=", "ID=,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		s, err := parseSecret(value)
		checkFuzzed(t, err)
		if err == nil && s.id == "" {
			t.Fatalf("%q has no ID", value)
		}
	})
}
