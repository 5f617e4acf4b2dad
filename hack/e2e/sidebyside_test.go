package e2e_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Two builders that are one family build a platform each, and what comes of it is what one daemon makes. No node is
// needed that has another architecture: an amd64 kernel runs programs for 386.
func TestPlatformsSideBySide(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.familyOfTwo()
	u.env["SOURCE_DATE_EPOCH"] = "1700000000"
	context := dockerfile(t, "FROM "+need(t, "E2E_MULTI_IMAGE")+" AS made", "ARG TARGETARCH", "RUN echo built for $TARGETARCH > /arch",
		"FROM scratch", "COPY --from=made /arch /", "COPY Dockerfile /")
	f := &twoPlatforms{user: u, context: context, registry: openRegistry(t)}
	t.Run("digest", func(t *testing.T) { f.in(t).sameDigest() })
	t.Run("metadata", func(t *testing.T) { f.in(t).describes() })
	t.Run("outputs", func(t *testing.T) { f.in(t).sameOutputs() })
	t.Run("caches", func(t *testing.T) { f.in(t).cachesApart() })
	t.Run("failure", func(t *testing.T) { f.in(t).failsTogether() })
	t.Run("one platform", func(t *testing.T) { f.in(t).goesToItsBuilder() })
}

// twoPlatforms are builds for two platforms.
type twoPlatforms struct {
	*user
	context  string
	registry registry
}

func (f *twoPlatforms) in(t *testing.T) *twoPlatforms {
	return &twoPlatforms{user: f.user.in(t), context: f.context, registry: f.registry}
}

const both = "--platform=linux/amd64,linux/386"

// familyOfTwo installs two builders, and lists them as one family, as install --platform does on nodes of both kinds.
func (u *user) familyOfTwo() {
	u.t.Helper()
	u.builder()
	u.buildkit(append([]string{"install", "buildkitd-386", "--yes"}, u.registryFlags()...)...).ok()
	text := u.kubectl("get", "secret", "buildkitd-client", "-o", `go-template={{index .data "connection.json" | base64decode}}`).ok().stdout
	document := map[string]any{}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		u.t.Fatal(err)
	}
	document["platforms"] = []map[string]string{{"platform": "linux/amd64", "builder": "buildkitd"}, {"platform": "linux/386", "builder": "buildkitd-386"}}
	changed, err := json.Marshal(document)
	if err != nil {
		u.t.Fatal(err)
	}
	u.setSecret("buildkitd-client", map[string][]byte{"connection.json": changed})
}

// sameDigest builds on both builders and on one, which are to push the same.
func (f *twoPlatforms) sameDigest() {
	for name, flags := range map[string][]string{
		"plain":       {"-o", "type=image,push=true,rewrite-timestamp=true"},
		"annotations": {"-o", "type=image,push=true,rewrite-timestamp=true", "--annotation", "index:a=b", "--annotation", "manifest[linux/386]:c=d"},
		"docker":      {"-o", "type=image,push=true,rewrite-timestamp=true,oci-mediatypes=false"},
		"zstd":        {"-o", "type=image,push=true,rewrite-timestamp=true,compression=zstd,force-compression=true"},
	} {
		digests := map[string]bool{}
		for _, builder := range []string{"buildkitd", "buildkitd-386"} {
			image := f.registry.name(f.user) + "-" + builder + "/" + strings.Fields(name)[0]
			args := []string{"build", both, "--builder", builder, "--provenance=false", "-q", "-t", image + ":1", "-t", image + ":2", f.context}
			line := f.buildkit(append(args, flags...)...).ok().line1()
			reference, digest, _ := strings.Cut(line, "@")
			if got := []string{f.registry.digest(image + ":1"), f.registry.digest(image + ":2")}; reference != image+":1" || got[0] != digest || got[1] != digest {
				f.t.Errorf("%s: %s pushed %q, and the tags are %q", name, builder, line, got)
			}
			digests[digest] = true
		}
		if len(digests) != 1 {
			f.t.Errorf("%s: digests %q", name, slices.Collect(maps.Keys(digests)))
		}
	}
}

// describes proves that every file describes the whole image, and the display both builds.
func (f *twoPlatforms) describes() {
	dir := f.t.TempDir()
	metadata, id, ref := filepath.Join(dir, "metadata"), filepath.Join(dir, "id"), filepath.Join(dir, "ref")
	image := f.registry.name(f.user) + ":metadata"
	built := f.buildkit("build", both, "-t", image, "--push", "--progress=plain", "--metadata-file", metadata, "--iidfile", id, "--ref-file", ref,
		"--report", filepath.Join(dir, "report.html"), f.context).ok()
	built.says("[linux/amd64 made 2/2] RUN", "[linux/386 made 2/2] RUN", "[linux/386] exporting to image", "[merge] publishing")
	_, digest, _ := strings.Cut(built.line1(), "@")
	found := map[string]any{}
	if err := json.Unmarshal([]byte(read(f.t, metadata)), &found); err != nil {
		f.t.Fatal(err)
	}
	if digest == "" || found["containerimage.digest"] != digest || read(f.t, id) != digest || found["image.name"] != image {
		f.t.Errorf("pushed %q, iidfile %q, metadata %v", digest, read(f.t, id), found)
	}
	for _, key := range []string{"buildx.build.provenance/linux/amd64", "buildx.build.provenance/linux/386", "kubectl-buildkit.build.ref/linux/386"} {
		if found[key] == nil {
			f.t.Errorf("%s is missing in %v", key, slices.Sorted(maps.Keys(found)))
		}
	}
	for i, one := range strings.Split(read(f.t, ref), "\n") {
		f.buildkit("history", "inspect", one, "--builder", []string{"buildkitd", "buildkitd-386"}[i]).ok()
	}
}

// sameOutputs compares what comes to this machine with what one daemon sends.
func (f *twoPlatforms) sameOutputs() {
	type outcome map[string]string
	results := map[string]outcome{}
	for _, builder := range []string{"buildkitd", "buildkitd-386"} {
		dir := f.t.TempDir()
		build := func(args ...string) call {
			return f.buildkit(append([]string{"build", both, "--builder", builder, "--provenance=false", "-q", f.context}, args...)...).ok()
		}
		got := outcome{}
		addArchive(f.t, "stdout", build("-o", "type=tar,dest=-").stdout, got)
		build("-o", "type=tar,dest="+filepath.Join(dir, "file"))
		addArchive(f.t, "file", read(f.t, filepath.Join(dir, "file")), got)
		build("-o", filepath.Join(dir, "tree"))
		maps.Copy(got, treeOf(f.t, filepath.Join(dir, "tree")))
		for _, form := range []string{"true", "false"} {
			got["index, tar="+form] = build("-o", "type=oci,rewrite-timestamp=true,tar="+form+",dest="+filepath.Join(dir, form), "-t", "x/y:1").stdout
		}
		results[builder] = got
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 4 {
			f.t.Errorf("%s: left %v, %v", builder, entries, err)
		}
	}
	if !maps.Equal(results["buildkitd"], results["buildkitd-386"]) {
		for name, text := range results["buildkitd"] {
			if other := results["buildkitd-386"][name]; other != text {
				f.t.Errorf("%s is %.200q of both builders, and %.200q of one", name, text, other)
			}
		}
		f.t.Errorf("%d files of both builders, %d of one", len(results["buildkitd"]), len(results["buildkitd-386"]))
	}
}

// cachesApart proves that neither builder replaces the cache of the other one.
func (f *twoPlatforms) cachesApart() {
	dir, ref := filepath.Join(f.t.TempDir(), "cache"), f.registry.name(f.user)+":cache"
	f.buildkit("build", both, "-q", "--cache-to", "type=registry,ref="+ref, "--cache-to", "type=local,dest="+dir, f.context).ok()
	for _, tag := range []string{ref, ref + "-386"} {
		if f.registry.digest(tag) == "" {
			f.t.Errorf("no cache in %s", tag)
		}
	}
	f.buildkit("build", both, "--progress=plain", "--cache-from", "type=registry,ref="+ref, "--cache-from", "type=local,src="+dir, f.context).ok().
		says("importing cache manifest from " + ref + "-386").neverSays("ERROR")
}

// failsTogether proves that a step that fails on one builder ends both, and that no tag is moved where a registry refuses.
func (f *twoPlatforms) failsTogether() {
	image := f.registry.name(f.user) + ":failed"
	failing := dockerfile(f.t, "FROM "+need(f.t, "E2E_MULTI_IMAGE"), "ARG TARGETARCH", "RUN test $TARGETARCH != 386 || { echo fails here; exit 7; }; sleep 1")
	f.buildkit("build", both, "-t", image, "--push", "--progress=plain", failing).exits(1).says("fails here", "[linux/386 2/2]", "exit code 7")
	if digest := f.registry.digest(image); digest != "" {
		f.t.Errorf("pushed %s", digest)
	}
	refusing := basicRegistry(f.t)
	f.dockerConfig(auths(refusing.host, refusing.user, "wrong-"+refusing.password))
	f.buildkit("build", both, "--preflight=false", "-t", image, "-t", refusing.name(f.user)+":failed", "--push", f.context).exits(4).says(refusing.host)
	if digest := f.registry.digest(image); digest != "" {
		f.t.Errorf("pushed %s, and nothing to %s", digest, refusing.host)
	}
	f.dockerConfig(map[string]any{})
}

// goesToItsBuilder proves which builder gets a build for one platform, and that one for another ends before it begins.
func (f *twoPlatforms) goesToItsBuilder() {
	f.buildkit("build", "--platform=linux/386", "--progress=plain", f.context).ok().says(`building with "buildkitd-386"`)
	f.buildkit("build", "--platform=linux/amd64,linux/arm64", "--progress=plain", f.context).exits(1).
		says("builds for linux/amd64, linux/386", "linux/arm64", "kubectl buildkit install buildkitd -n "+f.namespace+" --platform linux/arm64").neverSays("RUN echo")
	f.buildkit("build", both, "--check", f.context).ok()
}
