package progress

import (
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// Masked returns a copy of a status with credentials masked in names, errors, logs and warnings. It
// is for programs: nothing else is changed.
func Masked(in *client.SolveStatus) *client.SolveStatus {
	out := rewritten(in, escape.MaskCredentials)
	for _, line := range in.Logs {
		clean := *line
		clean.Data = maskedBytes(line.Data)
		out.Logs = append(out.Logs, &clean)
	}
	for _, warning := range in.Warnings {
		clean := *warning
		clean.Short, clean.URL, clean.Detail = maskedBytes(warning.Short), escape.MaskCredentials(warning.URL), nil
		for _, line := range warning.Detail {
			clean.Detail = append(clean.Detail, maskedBytes(line))
		}
		clean.SourceInfo = maskedSource(warning.SourceInfo)
		out.Warnings = append(out.Warnings, &clean)
	}
	return out
}

// maskedSource masks the definition and the content of the file of a warning.
func maskedSource(in *pb.SourceInfo) *pb.SourceInfo {
	out := in.CloneVT()
	if out == nil {
		return nil
	}
	out.Data = maskedBytes(out.Data)
	for _, step := range out.GetDefinition().GetMetadata() {
		for key, text := range step.Description {
			step.Description[key] = escape.MaskCredentials(text)
		}
	}
	return out
}

func maskedBytes(text []byte) []byte { return []byte(escape.MaskCredentials(string(text))) }

// masked is Masked for a channel.
func masked(in <-chan *client.SolveStatus) chan *client.SolveStatus {
	out := make(chan *client.SolveStatus)
	go func() {
		defer close(out)
		for status := range in {
			out <- Masked(status)
		}
	}()
	return out
}

// rewritten returns a copy of the status, with every text replaced by the result of the function.
func rewritten(in *client.SolveStatus, text func(string) string) *client.SolveStatus {
	out := &client.SolveStatus{}
	for _, vertex := range in.Vertexes {
		clean := *vertex
		clean.Name, clean.Error = text(vertex.Name), text(vertex.Error)
		if group := vertex.ProgressGroup.CloneVT(); group != nil {
			group.Name = text(group.Name)
			clean.ProgressGroup = group
		}
		out.Vertexes = append(out.Vertexes, &clean)
	}
	for _, status := range in.Statuses {
		clean := *status
		clean.ID, clean.Name = text(status.ID), text(status.Name)
		out.Statuses = append(out.Statuses, &clean)
	}
	return out
}
