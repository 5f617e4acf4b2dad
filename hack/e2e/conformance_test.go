package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every directory of testdata/conformance is a build: a context with its Dockerfile, or in `context` the name of one that
// is elsewhere, and in `args` the flags of both clients, one a line. `docker buildx build` and the plugin send it to the same daemon, each without the cache of the
// other, and must push the same bytes.
func TestConformance(t *testing.T) {
	u, reg := newUser(t), openRegistry(t)
	peer := newBuildx(u)
	lab := &laboratory{u: u, reg: reg, peer: peer, variables: variables(t, u)}
	cases, err := filepath.Glob("testdata/conformance/*")
	if err != nil || len(cases) < 40 {
		t.Fatalf("only %d cases: %v", len(cases), err)
	}
	for _, context := range cases {
		t.Run(filepath.Base(context), func(t *testing.T) { lab.compare(t, context) })
	}
	t.Run("metadata file", func(t *testing.T) { lab.compareMetadata(t) })
	t.Run("outputs", func(t *testing.T) { lab.compareOutputs(t) })
	t.Run("questions", func(t *testing.T) { lab.compareQuestions(t) })
	t.Run("attestations", func(t *testing.T) { lab.compareAttestations(t) })
	t.Run("load", func(t *testing.T) { lab.compareLoad(t) })
	t.Run("unreadable", func(t *testing.T) { lab.compareUnreadable(t) })
	t.Run("LLB", func(t *testing.T) { lab.compareDefinition(t) })
	t.Run("wrong input", func(t *testing.T) { wrongInputs(t, u, peer) })
}

type laboratory struct {
	u         *user
	reg       registry
	peer      *buildx
	variables map[string]string
}

// in returns the laboratory as a subtest sees it.
func (l *laboratory) in(t *testing.T) *laboratory {
	m, peer := *l, *l.peer
	m.u = l.u.in(t)
	peer.u = m.u
	m.peer = &peer
	return &m
}

func (l *laboratory) compare(t *testing.T, context string) {
	l = l.in(t)
	flags, err := os.ReadFile(filepath.Join(context, "args"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	l.variables["CONTEXT"] = context
	theirs := l.tag(context, "theirs")
	if strings.Contains(string(flags), "--cache-to") {
		// An exported cache tells when a layer was made by this build and when it was found: let both find it.
		l.peer.build(t, l.arguments(t, context, string(flags), theirs)...)
	}
	l.peer.build(t, l.arguments(t, context, string(flags), theirs)...)
	ours := l.tag(context, "ours")
	args := append([]string{"build", "--builder", l.peer.pod, "--install=false"}, l.arguments(t, context, string(flags), ours)...)
	line := l.u.buildkit(args...).ok().line1()

	want, got := l.reg.digest(theirs), l.reg.digest(ours)
	if want == "" || got != want {
		t.Errorf("docker buildx pushed %q, kubectl buildkit %q", want, got)
	}
	if line != ours+"@"+got {
		t.Errorf("printed %q, the registry holds %q", line, got)
	}
}

// compareMetadata holds the metadata files against each other: the same keys, and the same values where a value is not
// about the one build. docker's reference names its builder and node, ours is in the daemon's history.
func (l *laboratory) compareMetadata(t *testing.T) {
	l = l.in(t)
	delete(l.u.env, "BUILDX_NO_DEFAULT_ATTESTATIONS") // provenance belongs to the file
	l.u.env["BUILDX_METADATA_WARNINGS"] = "true"
	sloppy := dockerfile(t, "from BASE as Build", "RUN echo")
	read := func(path string) map[string]any {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		metadata := map[string]any{}
		if err := json.Unmarshal(raw, &metadata); err != nil {
			t.Fatal(err)
		}
		return metadata
	}
	for name, flags := range map[string][]string{
		"one":      {"--build-arg=BASE=" + l.variables["BASE"], "testdata/conformance/run"},
		"several":  {"--build-arg=MULTI=" + l.variables["MULTI"], "--platform=linux/amd64,linux/386", "testdata/conformance/platforms"},
		"warnings": {sloppy},
		"no image": {"--build-arg=BASE=" + l.variables["BASE"], "--output=" + t.TempDir(), "testdata/conformance/run"},
	} {
		file := filepath.Join(t.TempDir(), "metadata.json")
		flags = append([]string{"--metadata-file", file}, flags...)
		if name != "no image" {
			flags = append([]string{"--push", "--tag", l.reg.name(l.u) + ":metadata"}, flags...)
		}
		l.peer.build(t, flags...)
		theirs := read(file)
		l.u.buildkit(append([]string{"build", "--builder", l.peer.pod}, flags...)...).ok()
		ours := read(file)
		theirs["kubectl-buildkit.build.ref"] = theirs["buildx.build.ref"]
		if ref, _ := ours["buildx.build.ref"].(string); ref != l.peer.pod+"/"+l.peer.pod+"/"+fmt.Sprint(ours["kubectl-buildkit.build.ref"]) {
			t.Errorf("%s: buildx.build.ref is %q", name, ref)
		}
		if got, want := slices.Sorted(maps.Keys(ours)), slices.Sorted(maps.Keys(theirs)); !slices.Equal(got, want) {
			t.Errorf("%s: keys %q, docker buildx has %q", name, got, want)
		}
		for _, key := range []string{"image.name", "containerimage.config.digest"} {
			if ours[key] != theirs[key] {
				t.Errorf("%s: %s is %v, docker buildx has %v", name, key, ours[key], theirs[key])
			}
		}
		if got, want := warningsOf(ours), warningsOf(theirs); !slices.Equal(got, want) || name == "warnings" && len(got) == 0 {
			t.Errorf("%s: the warnings are %q, with docker buildx %q", name, got, want)
		}
	}
}

// warningsOf are their texts; the steps that they are about have names of their own.
func warningsOf(metadata map[string]any) []string {
	var texts []string
	list, _ := metadata["buildx.build.warnings"].([]any)
	for _, each := range list {
		warning, _ := each.(map[string]any)
		texts = append(texts, fmt.Sprint(warning["short"], warning["url"], warning["range"]))
	}
	slices.Sort(texts)
	return texts
}

func (l *laboratory) tag(context, who string) string {
	return l.reg.name(l.u) + "-" + filepath.Base(context) + ":" + who
}

// arguments are the flags of one side. A case that says nothing of outputs pushes with the layers' times rewritten:
// two runs of a step differ in nothing else.
func (l *laboratory) arguments(t *testing.T, context, flags, tag string) []string {
	t.Helper()
	l.variables["SCRATCH"] = t.TempDir()
	args := []string{"--build-arg=BASE=" + l.variables["BASE"], "--build-arg=MULTI=" + l.variables["MULTI"]}
	expand := func(text string) string {
		return os.Expand(text, func(name string) string { return l.variables[name] })
	}
	for _, flag := range strings.Fields(flags) {
		args = append(args, expand(flag))
	}
	has := func(flag string) bool {
		return slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, flag) })
	}
	if !has("--no-cache-filter") && !has("--cache-to") {
		args = append(args, "--no-cache")
	}
	switch {
	case has("--output"):
		args = append(args, "--tag="+tag)
	default:
		args = append(args, "--output=type=image,rewrite-timestamp=true,push=true,name="+tag)
	}
	if elsewhere, err := os.ReadFile(filepath.Join(context, "context")); err == nil {
		context = expand(strings.TrimSpace(string(elsewhere)))
	}
	return append(args, context)
}

// variables are what `args` may refer to, and what both clients find in their environment.
func variables(t *testing.T, u *user) map[string]string {
	t.Helper()
	u.env["SOURCE_DATE_EPOCH"] = "1700000000"
	u.env["BUILDX_NO_DEFAULT_ATTESTATIONS"] = "1" // they hold times and an identity: never equal
	u.env["CONFORMANCE_TOKEN"] = "from-the-environment"
	git := newGitServer(t)
	u.env["CONFORMANCE_GIT_TOKEN"] = git.token
	return map[string]string{
		"BASE": need(t, "E2E_BASE_IMAGE"), "MULTI": need(t, "E2E_MULTI_IMAGE"), "REGISTRY": need(t, "E2E_REGISTRY"),
		"SERVER": fileServer(t), "GIT": git.http, "GIT_SSH": git.ssh, "SSH_KEY": git.key,
	}
}

// fileServer serves a Dockerfile, an archive with one, and a file under any other name.
func fileServer(t *testing.T) string {
	t.Helper()
	packed := archive(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n", "words": "packed\n"})
	return serveBesideRegistry(t, func(w http.ResponseWriter, r *http.Request) {
		text := []byte("fetched over HTTP\n")
		switch r.URL.Path {
		case "/Dockerfile":
			text = []byte("FROM scratch\nCOPY words /elsewhere\n")
		case "/context.tar":
			text = packed
		}
		http.ServeContent(w, r, "file", time.Unix(1600000000, 0), bytes.NewReader(text))
	})
}

// buildx is the peer, with a builder of its kubernetes driver, which to us is an unmanaged one.
type buildx struct {
	u       *user
	program string
	pod     string
}

func newBuildx(u *user) *buildx {
	u.t.Helper()
	b := &buildx{u: u, program: need(u.t, "E2E_BUILDX")}
	u.env["BUILDX_CONFIG"] = u.mkdir("buildx")
	config := filepath.Join(u.home, "buildkitd.toml")
	write(u.t, config, "[registry.\""+need(u.t, "E2E_REGISTRY")+"\"]\n  http = true\n")
	b.run(u.t, "create", "--name", "peer", "--driver", "kubernetes", "--bootstrap", "--buildkitd-config", config,
		"--driver-opt", "namespace="+u.namespace+",image=docker.io/moby/buildkit:v0.34.2")
	b.pod = u.kubectl("get", "pods", "-o", "jsonpath={.items[0].metadata.name}").ok().stdout
	return b
}

func (b *buildx) build(t *testing.T, args ...string) {
	t.Helper()
	b.run(t, append([]string{"build", "--builder", "peer"}, args...)...)
}

func (b *buildx) run(t *testing.T, args ...string) {
	t.Helper()
	if out, err := b.try(args...); err != nil {
		t.Fatalf("docker buildx %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (b *buildx) try(args ...string) (string, error) {
	cmd := exec.Command(b.program, args...)
	cmd.Env, cmd.SysProcAttr = b.u.environ(), b.u.system
	out, err := cmd.CombinedOutput()
	return string(out), err
}
