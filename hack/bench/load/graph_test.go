package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestGraphIsAnSVG(t *testing.T) {
	f := evaluated(2, 2, testAttempt{job: "a", pod: "m", created: 1, began: 5, ended: 20}, testAttempt{job: "b", pod: "m", created: 30, began: 31, lost: 40})
	f.blows = []blow{{at: 10 * time.Second, kind: crash}}
	peer := f
	peer.contender, peer.lost = "buildx-sticky", []outcome{{}}
	drawn := string(drawGraph([]figures{f, peer}))
	elements := map[string]int{}
	for decoder := xml.NewDecoder(strings.NewReader(drawn)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, drawn)
		}
		if start, is := token.(xml.StartElement); is {
			elements[start.Name.Local]++
		}
	}
	if elements["polyline"] != 5 || strings.Contains(drawn, "NaN") || strings.Contains(drawn, "Inf") {
		t.Errorf("%v in\n%s", elements, drawn)
	}
	for _, text := range []string{">crash<", ">4 places<", ">ours (0 lost)<", ">buildx-sticky (1 lost)<"} {
		if !strings.Contains(drawn, text) {
			t.Errorf("the graph lacks %q", text)
		}
	}
	if empty := string(drawGraph([]figures{evaluated(1, 0)})); strings.Contains(empty, "NaN") {
		t.Errorf("an empty graph:\n%s", empty)
	}
}

func TestWithin(t *testing.T) {
	intervals := []interval{{at(1), at(5)}, {at(4), at(6)}}
	for second, want := range map[int]int{0: 0, 1: 1, 4: 2, 5: 1, 6: 0} {
		if got := within(intervals, at(second)); got != want {
			t.Errorf("%d at %d s, want %d", got, second, want)
		}
	}
}
