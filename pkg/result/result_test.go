package result

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

const (
	manifest = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	settings = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
)

// What a daemon answers is parsed before it becomes a line that scripts read: a break in it would
// be a second result.
func TestAnswersAreParsed(t *testing.T) {
	const forged = manifest + "\nevil.example.com/app:1@sha256:11 \x1b[2J"
	for name, test := range map[string]struct {
		pushed   string
		response map[string]string
	}{
		"digest":       {"registry.example.com/app:1", map[string]string{"containerimage.digest": forged}},
		"short":        {"", map[string]string{"containerimage.digest": "sha256:00"}},
		"not a digest": {"", map[string]string{"containerimage.digest": "$(reboot)"}},
		"reference":    {"*", map[string]string{"containerimage.digest": manifest, "image.name": "x.io/a:1\nx.io/b"}},
		"escape":       {"*", map[string]string{"containerimage.digest": manifest, "image.name": "x.io/a\x1b[2J"}},
	} {
		t.Run(name, func(t *testing.T) {
			made := New("ref", test.pushed, test.response)
			var invalid *AnswerError
			if err := made.Check(); !errors.As(err, &invalid) {
				t.Errorf("got %v", err)
			}
			if made.Line() != "" {
				t.Errorf("the line is %q", made.Line())
			}
		})
	}
	made := New("ref", "", map[string]string{"containerimage.digest": manifest, "containerimage.config.digest": forged})
	if made.Check() == nil || made.ImageID() != manifest {
		t.Errorf("the image ID is %q, %v", made.ImageID(), made.Check())
	}
	if err := New("ref", "example.com/a:1", map[string]string{"containerimage.digest": manifest}).Check(); err != nil {
		t.Error(err)
	}
}

func TestLine(t *testing.T) {
	for name, test := range map[string]struct {
		pushed   string
		response map[string]string
		want     string
	}{
		"pushed":               {"example.com/a:1", map[string]string{"containerimage.digest": manifest}, "example.com/a:1@" + manifest},
		"not pushed":           {"", map[string]string{"containerimage.digest": manifest}, manifest},
		"no image":             {"", map[string]string{}, ""},
		"files only":           {"", nil, ""},
		"named by the builder": {"*", map[string]string{"containerimage.digest": manifest, "image.name": "x.io/a:1,x.io/b"}, "x.io/a:1@" + manifest},
	} {
		t.Run(name, func(t *testing.T) {
			if got := New("ref", test.pushed, test.response).Line(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestImageID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "id")
	for want, response := range map[string]map[string]string{
		settings: {"containerimage.digest": manifest, "containerimage.config.digest": settings},
		manifest: {"containerimage.digest": manifest},
	} {
		if err := New("", "", response).WriteImageID(t.Context(), target(t, path)); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != want {
			t.Errorf("got %q, want %q and no newline (%v)", got, want, err)
		}
	}
}

func TestMetadata(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	dir := t.TempDir()
	path := filepath.Join(dir, "metadata.json")
	made := New("abc", "", map[string]string{
		"containerimage.digest":     manifest,
		"containerimage.descriptor": encode([]byte(`{"size": 7}`)),
		"list":                      encode([]byte(`[{"a": 1}]`)),
		"empty":                     encode([]byte(`{}`)),
		"image.name":                "abcd", // base64 by chance, but no JSON
		"result.json":               `{"warnings": 1}`,
	})
	made.AddBuilder("team", "team-0")
	made.AddWarnings([]client.VertexWarning{{Level: 1, Short: []byte("short")}})
	if err := made.WriteMetadata(t.Context(), target(t, path)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	compact := map[string]string{}
	for key, value := range got {
		var any any
		if err := json.Unmarshal(value, &any); err != nil {
			t.Fatal(err)
		}
		plain, err := json.Marshal(any)
		if err != nil {
			t.Fatal(err)
		}
		compact[key] = string(plain)
	}
	for key, want := range map[string]string{
		"containerimage.digest":     `"` + manifest + `"`,
		"containerimage.descriptor": `{"size":7}`,
		"list":                      `[{"a":1}]`,
		"empty":                     `"e30="`,
		"image.name":                `"abcd"`,
		"result.json":               `{"warnings":1}`,
		RefKey:                      `"abc"`,
		DockerRefKey:                `"team/team-0/abc"`,
		WarningsKey:                 `[{"level":1,"short":"c2hvcnQ="}]`,
	} {
		if compact[key] != want {
			t.Errorf("%s is %s, want %s", key, compact[key], want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the file there are %v (%v)", entries, err)
	}
}

func TestUnwritable(t *testing.T) {
	gone := target(t, filepath.Join(t.TempDir(), "file"))
	if err := os.Remove(filepath.Dir(gone.Path())); err != nil {
		t.Fatal(err)
	}
	r := New("", "", map[string]string{"containerimage.digest": manifest})
	if r.WriteMetadata(t.Context(), gone) == nil || r.WriteImageID(t.Context(), gone) == nil || WriteRef(t.Context(), gone, "ref") == nil {
		t.Error("writing into a directory that was removed gave no error")
	}
}

func target(t *testing.T, path string) *safefile.Target {
	t.Helper()
	target, err := safefile.NewTarget(path, safefile.TargetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func FuzzDecode(f *testing.F) {
	f.Add("result.json", `{"a":1}`)
	f.Add("x", base64.StdEncoding.EncodeToString([]byte(`[{"a":1}]`)))
	f.Add("x", "")
	f.Fuzz(func(t *testing.T, key, value string) {
		if _, err := json.Marshal(decode(key, value)); err != nil {
			t.Fatalf("%q=%q cannot be written: %v", key, value, err)
		}
	})
}
