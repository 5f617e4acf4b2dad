package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// builds is what history list --format json says.
func (u *user) builds(args ...string) []map[string]any {
	u.t.Helper()
	var list []map[string]any
	decoder := json.NewDecoder(strings.NewReader(u.buildkit(append([]string{"history", "list", "--format", "json"}, args...)...).ok().stdout))
	for {
		build := map[string]any{}
		err := decoder.Decode(&build)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			u.t.Fatal(err)
		}
		list = append(list, build)
	}
}

// TestHistory asks for builds that have ended: one that succeeded, one that failed, one whose client was killed.
func TestHistory(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	u.buildkit("history", "inspect").exits(1).says("no record of any build")
	image := need(t, "E2E_REGISTRY") + "/" + u.namespace + "/app:1"
	u.buildkit("build", "-t", image, "--push", "--target", "last", "--build-arg", "A=b", dockerfile(t, "FROM BASE AS last", "RUN echo printed-by-the-build")).ok()
	u.buildkit("build", dockerfile(t, "FROM BASE", "RUN echo it-goes-wrong && exit 3")).exits(1)
	killed := u.begin("build", "--progress", "plain", dockerfile(t, "FROM BASE", "RUN echo it-runs && sleep 300"))
	killed.until("it-runs")
	if got := u.builds("--filter", "status=running"); len(got) != 1 || got[0]["member"] != "buildkitd" {
		t.Errorf("running: %v", got)
	}
	_ = syscall.Kill(-killed.cmd.Process.Pid, syscall.SIGKILL)
	_ = killed.cmd.Wait()
	u.eventually("the build without a client ends", func() bool { return len(u.builds("--filter", "status=canceled")) == 1 })

	list := u.builds()
	if len(list) != 3 || list[2]["name"] != image || list[2]["status"] != "completed" || list[1]["status"] != "error" {
		t.Fatalf("got %v", list)
	}
	table := u.buildkit("history", "list").ok().stdout
	if lines := strings.Split(strings.TrimSpace(table), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "REF ") {
		t.Errorf("got\n%s", table)
	}
	ref := list[2]["ref"].(string)
	t.Run("inspect", func(t *testing.T) { u.inspects(t, ref[:10], image) })
	t.Run("logs", func(t *testing.T) {
		if out := u.buildkit("history", "logs", "^2").ok().stdout; !strings.Contains(out, "printed-by-the-build") {
			t.Errorf("got\n%s", out)
		}
		if out := u.buildkit("history", "logs", ref, "--progress", "rawjson").ok().stdout; !strings.HasPrefix(out, `{"vertexes":`) {
			t.Errorf("got\n%s", out)
		}
	})
	t.Run("report", func(t *testing.T) {
		if out := u.buildkit("history", "report", "^1").ok().stdout; !strings.HasPrefix(out, "<!doctype html>") || !strings.Contains(out, "it-goes-wrong") {
			t.Errorf("got %d bytes", len(out))
		}
	})
	t.Run("stats", func(t *testing.T) { u.addsUp(t) })
	t.Run("export", func(t *testing.T) { u.exports(t, ref) })
	u.buildkit("history", "pin", ref).ok()
	if got := strings.Fields(u.buildkit("history", "rm", "--all").ok().stdout); len(got) != 2 || slices.Contains(got, ref) {
		t.Errorf("removed %q", got)
	}
	if left := u.builds(); len(left) != 1 || left[0]["pinned"] != true {
		t.Errorf("left: %v", left)
	}
	if got := u.buildkit("history", "rm", ref[:8]).ok().line1(); got != ref {
		t.Errorf("removed %q", got)
	}
	u.buildkit("history", "rm", ref).exits(1).says("no record")
}

func (u *user) inspects(t *testing.T, ref, image string) {
	good := u.buildkit("history", "inspect", ref, "--format", "json").ok().stdout
	var details struct {
		Attributes map[string]string
		Materials  []struct{ URI string }
		Results    []struct{ Digest string }
		Warnings   []any
	}
	if err := json.Unmarshal([]byte(good), &details); err != nil {
		t.Fatal(err)
	}
	if details.Attributes["build-arg:A"] != "b" || details.Attributes["target"] != "last" || len(details.Materials) == 0 || len(details.Results) == 0 ||
		details.Warnings == nil {
		t.Errorf("got %s", good)
	}
	text := u.buildkit("history", "inspect", ref).ok().stdout
	bad := u.buildkit("history", "inspect", "^1").ok().stdout
	for want, in := range map[string]string{image: text, "Source:": text, ">>> RUN echo it-goes-wrong": bad, "exit code: 3": bad, "  it-goes-wrong": bad} {
		if !strings.Contains(in, want) {
			t.Errorf("no %q in\n%s", want, in)
		}
	}
}

// exports unpacks a bundle, whose parts docker buildx history import reads.
func (u *user) exports(t *testing.T, ref string) {
	path := filepath.Join(u.home, "build.dockerbuild")
	u.buildkit("history", "export", ref, "-o", path).ok()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	decompressed, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	names, archive := []string{}, tar.NewReader(decompressed)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if !slices.Contains(names, "index.json") || !slices.Contains(names, "oci-layout") || len(names) < 6 {
		t.Errorf("the bundle has %q", names)
	}
	if out := u.buildkit("history", "export", ref).ok().stdout; !strings.HasPrefix(out, "\x1f\x8b") {
		t.Error("standard output is not gzip")
	}
}

// eventually waits until something holds.
func (u *user) eventually(what string, holds func() bool) {
	u.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !holds(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) { // which only a slow machine comes near
			u.t.Fatalf("not within three minutes: %s", what)
		}
	}
}

// addsUp asks for the numbers of the three builds, as a table, for programs and as a page.
func (u *user) addsUp(t *testing.T) {
	page := filepath.Join(t.TempDir(), "stats.html")
	table := u.buildkit("history", "stats", "--since", "1h", "--report", page).ok().stdout
	if !strings.HasPrefix(table, "MEMBER ") || !strings.Contains(table, "RUN echo printed-by-the-build") {
		t.Errorf("got\n%s", table)
	}
	drawn, err := os.ReadFile(page)
	if err != nil || !strings.Contains(string(drawn), "1 succeeded, 1 failed, 1 canceled") || strings.Contains(string(drawn), "<script") {
		t.Errorf("got %s, %v", drawn, err)
	}
	var stats struct {
		Members int
		Totals  struct {
			Builds, Succeeded, Failed, Canceled, Steps, CachedSteps int
			DurationSeconds                                         struct{ P50, P95 float64 }
		}
		Items        []struct{ Metadata struct{ Name string } }
		SlowestSteps []struct{ Name string }
		Uncounted    []any
	}
	if err := json.Unmarshal([]byte(u.buildkit("history", "stats", "--by", "builder", "-o", "json").ok().stdout), &stats); err != nil {
		t.Fatal(err)
	}
	all := stats.Totals
	if all.Builds != 3 || all.Succeeded != 1 || all.Failed != 1 || all.Canceled != 1 || all.Steps < 6 || all.DurationSeconds.P95 <= 0 || stats.Members != 1 {
		t.Errorf("got %+v", stats)
	}
	if len(stats.Items) != 1 || stats.Items[0].Metadata.Name != "buildkitd" || len(stats.SlowestSteps) < 3 || len(stats.Uncounted) != 0 {
		t.Errorf("got %+v", stats)
	}
	if failed := u.buildkit("history", "stats", "--filter", "status=error", "-o", "jsonpath={.totals.builds}").ok().stdout; failed != "1" {
		t.Errorf("got %q failed builds", failed)
	}
}
