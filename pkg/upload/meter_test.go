package upload

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"
)

func TestLargest(t *testing.T) {
	m := newMeter(Options{Large: 1}, &fakeLink{})
	m.sent("context", "early", 1000) // nothing has begun
	m.begin("context")
	for file, bytes := range map[string]int64{
		"node_modules/a/index.js": 40, "node_modules/b/c/d/e.js": 50, ".git/objects/pack/x": 70, ".git/HEAD": 1,
		"data/video.mp4": 60, "one": 1, "two": 2, "three": 3, "four": 4, `windows\path`: 5,
	} {
		m.sent("context", file, bytes)
	}
	m.sent("context", "two", 1) // a part of it more
	all, total := m.largest("context")
	want := []share{{"node_modules", 90}, {".git/objects/pack", 71}, {"data/video.mp4", 60}, {"windows/path", 5}, {"four", 4}}
	if !slices.Equal(all, want) || total != 237 {
		t.Errorf("got %v of %d", all, total)
	}
	m.begin("context")
	if all, total := m.largest("context"); len(all) != 0 || total != 0 {
		t.Errorf("the second time begins with %v of %d", all, total)
	}
	if all, _ := m.largest("other"); all != nil {
		t.Errorf("another directory has %v", all)
	}
}

func TestLargeTreeTakesLittleMemory(t *testing.T) {
	m := newMeter(Options{Large: 1}, &fakeLink{})
	m.begin("context")
	for i := range 10_000 {
		m.sent("context", fmt.Sprintf("a/b/c/%d/%d", i%100, i), 1)
	}
	if got := len(m.latest["context"].sizes); got != depth {
		t.Errorf("%d paths are kept", got)
	}
}

func TestFilesAreCounted(t *testing.T) {
	opt := mount(t, map[string][]byte{"big": text(100_000), "small": text(10)})
	m := newMeter(Options{Large: 1}, &fakeLink{})
	m.begin("context")
	counted := countedFS{FS: opt.LocalMounts["context"], name: "context", meter: m}
	for _, name := range []string{"big", "small"} {
		file, err := counted.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, file); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := counted.Open("missing"); err == nil {
		t.Error("a missing file was opened")
	}
	if all, total := m.largest("context"); total != 100_010 || len(all) != 2 || all[0] != (share{"big", 100_000}) {
		t.Errorf("got %v of %d", all, total)
	}
}

func TestAnnotate(t *testing.T) {
	link, now := &fakeLink{bytes: 1000}, time.Unix(100, 0)
	m := newMeter(Options{Large: 1 << 20, Directories: map[string]string{"context": "/src/app"}}, link)
	m.now = func() time.Time { return now }
	step, began := digest.FromString("load build context"), now
	line := func(id string, completed *time.Time) *client.SolveStatus {
		return &client.SolveStatus{Statuses: []*client.VertexStatus{
			{ID: id, Vertex: step, Current: 5, Started: &began, Completed: completed, Timestamp: now},
		}}
	}
	annotated := func(status *client.SolveStatus) *client.SolveStatus {
		m.Annotate(status)
		return status
	}
	if got := annotated(line("transferring context:", nil)); len(got.Statuses) != 1 {
		t.Errorf("before it began: %v", got.Statuses)
	}
	m.begin("context")
	m.count(4 << 20)
	m.sent("context", "node_modules/x", 4<<20)
	link.bytes, now = 1000+1<<20, now.Add(2*time.Second)
	for _, id := range []string{"transferring dockerfile:", "extracting context:", "context:"} {
		if got := annotated(line(id, nil)); len(got.Statuses) != 1 {
			t.Errorf("%q got %v", id, got.Statuses)
		}
	}
	got := annotated(line("transferring context:", nil))
	if len(got.Statuses) != 3 || len(got.Warnings) != 0 {
		t.Fatalf("got %v, %v", got.Statuses, got.Warnings)
	}
	wire, speed := got.Statuses[1], got.Statuses[2]
	if wire.Current != 1<<20 || wire.Total != 0 || wire.Vertex != step || wire.Started == nil || speed.Current != 1<<19 || speed.Total != 0 {
		t.Errorf("got %+v, %+v", wire, speed)
	}
	got = annotated(line("transferring context:", &now))
	if len(got.Statuses) != 4 || got.Statuses[3].ID != "compressing has saved 75%" || got.Statuses[3].Completed == nil {
		t.Errorf("at the end: %v", got.Statuses)
	}
	if len(got.Warnings) != 1 || !strings.Contains(string(got.Warnings[0].Short), `4.2MB were sent of "/src/app"`) || got.Warnings[0].Vertex != step ||
		len(got.Warnings[0].Detail) != 1 || !strings.Contains(string(got.Warnings[0].Detail[0]), "node_modules/x") {
		t.Errorf("got %v", got.Warnings)
	}
	m.options.Large = 0
	if got := annotated(line("transferring context:", &now)); len(got.Warnings) != 0 {
		t.Errorf("switched off: %v", got.Warnings)
	}
}
