package progress

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/moby/buildkit/client"
)

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTrace(t *testing.T) {
	var trace bytes.Buffer
	shown := show(t.Context(), t, Plain, func(d *Display) {
		traced := NewTrace(d, &trace)
		statuses := traced.Attach()
		for _, status := range step("[1/1] RUN make", "compiling", 0) {
			statuses <- status
		}
		close(statuses)
		if _, err := d.Close(); err != nil || traced.Err() != nil {
			t.Errorf("got %v and %v", err, traced.Err())
		}
	})
	if !strings.Contains(shown, "compiling") {
		t.Errorf("the display shows %q", shown)
	}
	lines := strings.Split(strings.TrimSpace(trace.String()), "\n")
	var status client.SolveStatus
	if err := json.Unmarshal([]byte(lines[0]), &status); err != nil || len(lines) != 3 || status.Vertexes[0].Name != "[1/1] RUN make" {
		t.Errorf("the trace is %q (%v)", trace.String(), err)
	}
}

func TestTraceToAFullDisk(t *testing.T) {
	shown := show(t.Context(), t, Plain, func(d *Display) {
		traced := NewTrace(d, fullDisk{})
		statuses := traced.Attach()
		for _, status := range step("[1/1] RUN make", "compiling", 0) {
			statuses <- status
		}
		close(statuses)
		if _, err := d.Close(); err != nil || traced.Err() == nil {
			t.Errorf("got %v and %v", err, traced.Err())
		}
	})
	if !strings.Contains(shown, "compiling") {
		t.Errorf("the build is not shown: %q", shown)
	}
}
