package request

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/awskeys"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

// caches are the entries that the values of --cache-to and --cache-from become.
func caches(t *testing.T, env Environment, to, from string) (exports, imports []client.CacheOptionsEntry, warnings []string) {
	t.Helper()
	r, err := New(t.Context(), with(func(o *Options) { o.CacheTo, o.CacheFrom = []string{to}, []string{from} }), env)
	if err != nil {
		t.Fatal(err)
	}
	options := r.Attempt().Options
	for _, warning := range r.Warnings() {
		if strings.Contains(warning, "cache-") {
			warnings = append(warnings, warning)
		}
	}
	return options.CacheExports, options.CacheImports, warnings
}

func TestCaches(t *testing.T) {
	aws := map[string]string{"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
	actions := map[string]string{"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "u2", "ACTIONS_CACHE_SERVICE_V2": "true"}
	manifest := map[string]string{"ref": "example.com/a:c", "image-manifest": "true", "oci-mediatypes": "true"}
	for name, test := range map[string]struct {
		to, from string
		env      map[string]string
		kind     string
		exports  map[string]string
		imports  map[string]string
	}{
		"references":    {"example.com/a:c", "example.com/a:c", nil, cacheRegistry, manifest, map[string]string{"ref": "example.com/a:c"}},
		"registry":      {"type=registry,ref=a,mode=max,image-manifest=false", "", nil, cacheRegistry, map[string]string{"ref": "a", "mode": "max", "image-manifest": "false", "oci-mediatypes": "true"}, nil},
		"docker's form": {"type=registry,ref=a,oci-mediatypes=false", "", nil, cacheRegistry, map[string]string{"ref": "a", "oci-mediatypes": "false"}, nil},
		"inline":        {"type=inline", "", nil, cacheInline, map[string]string{}, nil},
		"s3": {"type=s3,bucket=b,region=r", "type=s3,bucket=b", aws, cacheS3,
			map[string]string{"bucket": "b", "region": "r", "access_key_id": "id", "secret_access_key": "key"},
			map[string]string{"bucket": "b", "access_key_id": "id", "secret_access_key": "key"}},
		"s3 with keys": {"type=s3,access_key_id=mine,secret_access_key=too", "", aws, cacheS3, map[string]string{"access_key_id": "mine", "secret_access_key": "too"}, nil},
		"actions":      {"type=gha,mode=max", "type=gha,token=x", actions, cacheGitHub, map[string]string{"mode": "max", "token": "t", "url": "u2", "url_v2": "u2"}, map[string]string{"token": "x", "url": "u2", "url_v2": "u2"}},
		"azure":        {"type=azblob,name=n,account_url=u", "type=azblob,name=n", nil, cacheAzure, map[string]string{"name": "n", "account_url": "u"}, map[string]string{"name": "n"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := workspace(t, test.env)
			env.AWSKeys = func() awskeys.Keys {
				return awskeys.Keys{ID: test.env["AWS_ACCESS_KEY_ID"], Secret: test.env["AWS_SECRET_ACCESS_KEY"]}
			}
			exports, imports, warnings := caches(t, env, test.to, test.from)
			if len(exports) != 1 || exports[0].Type != test.kind || !maps.Equal(exports[0].Attrs, test.exports) {
				t.Errorf("exports: %+v", exports)
			}
			if test.imports != nil && (len(imports) != 1 || !maps.Equal(imports[0].Attrs, test.imports)) {
				t.Errorf("imports: %+v", imports)
			}
			if len(warnings) > 0 {
				t.Errorf("warnings: %q", warnings)
			}
		})
	}
}

func TestLocalCache(t *testing.T) {
	env := workspace(t, nil)
	exports, imports, warnings := caches(t, env, "type=local,dest=cache", "type=local,src=cache")
	if filepath.Dir(exports[0].Attrs["dest"]) != filepath.Join(env.WorkingDir, "cache") || len(imports) != 0 || len(warnings) != 1 {
		t.Errorf("a first build: %v, %v, %q", exports, imports, warnings)
	}
	found := writeCache(t, filepath.Join(env.WorkingDir, "cache"))
	_, imports, warnings = caches(t, env, "", "type=local,src=cache")
	if len(imports) != 1 || imports[0].Attrs["src"] != filepath.Join(env.WorkingDir, "cache") || imports[0].Attrs["digest"] != found || len(warnings) != 0 {
		t.Errorf("the next build: %v, %q", imports, warnings)
	}
}

// writeCache makes a local cache of one blob, and returns its digest.
func writeCache(t *testing.T, dir string) string {
	t.Helper()
	found := digest.FromString("x")
	index := `{"manifests":[{"digest":"` + found.String() + `","annotations":{"org.opencontainers.image.ref.name":"latest"}}]}`
	err := errors.Join(os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755), os.WriteFile(filepath.Join(dir, "index.json"), []byte(index), 0o644),
		os.WriteFile(filepath.Join(dir, "blobs", "sha256", found.Encoded()), []byte("x"), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	return found.String()
}

// What a checkout may have in place of a cache is refused: BuildKit's own client would follow its
// links.
func TestHostileLocalCaches(t *testing.T) {
	env := workspace(t, nil)
	outside := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(outside, []byte("KEY"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"index.json", "blobs", "blobs/sha256/" + strings.TrimPrefix(digest.FromString("x").String(), "sha256:")} {
		dir := filepath.Join(env.WorkingDir, "cache")
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		writeCache(t, dir)
		if err := errors.Join(os.RemoveAll(filepath.Join(dir, name)), os.Symlink(outside, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
		change := map[string]func(*Options){
			"--cache-from": func(o *Options) { o.CacheFrom = []string{"type=local,src=cache"} },
			"--cache-to":   func(o *Options) { o.CacheTo = []string{"type=local,dest=cache"} },
			"--output":     func(o *Options) { o.Outputs = []string{"type=oci,tar=false,dest=cache"} },
		}
		for flag, change := range change {
			if flag != "--cache-from" && strings.Contains(name, "/") {
				continue // a blob that is a link is not taken over, and received again
			}
			_, err := New(t.Context(), with(change), env)
			var wrong *usage.Error
			if !errors.As(err, &wrong) || wrong.What != flag || !strings.Contains(wrong.Reason, "link") {
				t.Errorf("%s, %s: got %v", name, flag, err)
			}
		}
	}
}

func TestCacheOutsideOfActionsIsLeftOutAloud(t *testing.T) {
	exports, imports, warnings := caches(t, workspace(t, nil), "type=gha", "type=gha,token=x")
	if len(exports)+len(imports) != 0 || len(warnings) != 2 || !strings.Contains(warnings[0], "ACTIONS_RUNTIME_TOKEN") {
		t.Errorf("%v, %v, %q", exports, imports, warnings)
	}
}

func TestAWSKeys(t *testing.T) {
	for value, want := range map[string]map[string]string{
		"type=s3,bucket=b": {"access_key_id": "a", "secret_access_key": "b", "session_token": "c"},
		"type=s3,bucket=b,access_key_id=x,secret_access_key=y": {"access_key_id": "x", "secret_access_key": "y", "session_token": ""},
		"type=s3,bucket=b,access_key_id=x":                     {"access_key_id": "x", "secret_access_key": "b", "session_token": "c"},
		"type=registry,ref=r.io/a:c":                           {"access_key_id": ""},
	} {
		env := workspace(t, nil)
		env.AWSKeys = func() awskeys.Keys { return awskeys.Keys{ID: "a", Secret: "b", SessionToken: "c"} }
		exports, _, _ := caches(t, env, value, "")
		for key, want := range want {
			if got := exports[0].Attrs[key]; got != want {
				t.Errorf("%s: %s is %q, want %q", value, key, got, want)
			}
		}
	}
	exports, _, _ := caches(t, workspace(t, nil), "type=s3,bucket=b", "")
	if _, set := exports[0].Attrs["access_key_id"]; set {
		t.Error("keys of nowhere")
	}
}

func FuzzCache(f *testing.F) {
	for _, seed := range []string{"a", "a,b", "type=local,src=a", "type=gha", "type=", "ref=a", "A", `"`, "type=registry,ref=a@b", "type=s3,mode=x", "type=inline"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, value string, export bool) {
		entries, err := parseCache(cacheFlag{"--cache", export}, value)
		checkFuzzed(t, err)
		for _, entry := range entries {
			if err == nil && cacheAttributes(entry.Type, export) == nil {
				t.Fatalf("%q: unknown type %q", value, entry.Type)
			}
		}
	})
}
