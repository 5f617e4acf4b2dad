package progress

import (
	"time"

	"github.com/moby/buildkit/client"
)

// clock shifts the daemon's times to this machine's clock, as if its first step had
// started at now.
type clock struct {
	now    time.Time
	behind *time.Duration
}

func (c *clock) shift(in *client.SolveStatus) *client.SolveStatus {
	if c.behind == nil {
		for _, vertex := range in.Vertexes {
			if vertex.Started != nil {
				behind := c.now.Sub(*vertex.Started)
				c.behind = &behind
				break
			}
		}
	}
	if c.behind == nil {
		return in
	}
	out := &client.SolveStatus{Warnings: in.Warnings}
	for _, vertex := range in.Vertexes {
		moved := *vertex
		moved.Started, moved.Completed = c.move(vertex.Started), c.move(vertex.Completed)
		out.Vertexes = append(out.Vertexes, &moved)
	}
	for _, status := range in.Statuses {
		moved := *status
		moved.Started, moved.Completed = c.move(status.Started), c.move(status.Completed)
		moved.Timestamp = status.Timestamp.Add(*c.behind)
		out.Statuses = append(out.Statuses, &moved)
	}
	for _, line := range in.Logs {
		moved := *line
		moved.Timestamp = line.Timestamp.Add(*c.behind)
		out.Logs = append(out.Logs, &moved)
	}
	return out
}

func (c *clock) move(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	moved := at.Add(*c.behind)
	return &moved
}
