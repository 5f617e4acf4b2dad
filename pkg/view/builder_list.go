package view

import (
	"cmp"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
)

// Builders has one line a builder, in the manner of kubectl get.
func Builders(builders []cluster.Builder, namespaces bool, now time.Time) output.Answer {
	answer := output.Answer{Kind: "Builder", Columns: []output.Column{
		{Name: "Namespace"}, {Name: "Name"}, {Name: "Ready"}, {Name: "Status"}, {Name: "Mode"}, {Name: "Image"}, {Name: "Nodes"}, {Name: "Age"},
		{Name: "Pods", Wide: true}, {Name: "Restarts", Wide: true},
	}}
	skip := 1
	if namespaces {
		skip = 0
	}
	answer.Columns = answer.Columns[skip:]
	for _, b := range builders {
		fields := newBuilderFields(b)
		item := builderItem(b.Name, b.Namespace, fields)
		item.Cells = append([]any{b.Namespace, b.Name}, summarize(fields, b.Mode, now)...)[skip:]
		answer.Items = append(answer.Items, item)
	}
	return answer
}

// summarize makes the cells after the name.
func summarize(b builderFields, mode string, now time.Time) []any {
	var states, modes, images, nodes, pods []string
	oldest, restarts := now, int32(0)
	for _, m := range b.Members {
		states, modes, images = output.AppendNew(states, m.State), output.AppendNew(modes, m.Mode), output.AppendNew(images, m.Image)
		nodes, pods = output.AppendNew(nodes, m.Node), output.AppendNew(pods, m.Pod)
		restarts += m.Restarts
		if m.CreatedAt != nil && m.CreatedAt.Before(oldest) {
			oldest = *m.CreatedAt
		}
	}
	if b.OutdatedMembers > 0 {
		states = append(states, fmt.Sprintf("Updating(%d/%d)", len(b.Members)-b.OutdatedMembers, b.DesiredMembers))
	}
	if b.Adopted {
		modes = []string{"adopted"}
	}
	age := "<unknown>"
	if oldest != now {
		age = duration.HumanDuration(now.Sub(oldest))
	}
	return []any{
		fmt.Sprintf("%d/%d", b.ReadyMembers, b.DesiredMembers), output.OrNone(states, "Missing"), output.OrNone(modes, cmp.Or(mode, "<unknown>")),
		output.OrNone(images, "<unknown>"), output.OrNone(nodes, "<none>"), age, output.OrNone(pods, "<none>"), restarts,
	}
}
