package driver

import (
	"io"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
)

func TestLogsNameTheirMember(t *testing.T) {
	logs := func() []Answer[io.ReadCloser] {
		log := func(pod, text string) Answer[io.ReadCloser] {
			return Answer[io.ReadCloser]{Member: cluster.Member{Pod: pod}, Value: io.NopCloser(strings.NewReader(text))}
		}
		return []Answer[io.ReadCloser]{log("team-0", "a\nb\n"), log("team-1", "c")}
	}
	var out strings.Builder
	if err := (&lines{to: &out}).copyAll(logs(), true, false); err != nil {
		t.Fatal(err)
	}
	if want := "[team-0] a\n[team-0] b\n[team-1] c\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
	out.Reset()
	if err := (&lines{to: &out}).copyAll(logs()[:1], false, true); err != nil {
		t.Fatal(err)
	}
	if out.String() != "a\nb\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestFollowedLogsDoNotWaitForOneAnother(t *testing.T) {
	first, writing := io.Pipe()
	logs := []Answer[io.ReadCloser]{
		{Member: cluster.Member{Pod: "team-0"}, Value: first},
		{Member: cluster.Member{Pod: "team-1"}, Value: io.NopCloser(strings.NewReader("at once\n"))},
	}
	reading, out := io.Pipe()
	go func() { _ = (&lines{to: out}).copyAll(logs, true, true); _ = out.Close() }()
	line := make([]byte, len("[team-1] at once\n"))
	if _, err := io.ReadFull(reading, line); err != nil || string(line) != "[team-1] at once\n" {
		t.Errorf("got %q, %v", line, err)
	}
	_ = writing.Close()
	if rest, err := io.ReadAll(reading); err != nil || len(rest) > 0 {
		t.Errorf("got %q, %v", rest, err)
	}
}
