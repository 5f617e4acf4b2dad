package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/moby/buildkit/client"
)

// ReadTrace returns the build of a trace: its statuses, a line of JSON each.
func ReadTrace(r io.Reader, title string) (Build, error) {
	recorder := NewRecorder()
	decoder := json.NewDecoder(bufio.NewReader(r))
	for line := 1; ; line++ {
		status := &client.SolveStatus{}
		err := decoder.Decode(status)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Build{}, fmt.Errorf("invalid status %d: %w", line, err)
		}
		recorder.Add(status)
	}
	build := recorder.Build(About{Title: title})
	build.State = build.StateOfSteps()
	return build, nil
}
