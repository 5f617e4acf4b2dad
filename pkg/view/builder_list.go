package view

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
)

// Builders has one line a builder, with all of its family, in the manner of kubectl get. The builds
// are those of members, by the UIDs of their Pods; nil if none were asked. Platforms are a column
// where a builder was installed for some.
func Builders(builders []cluster.Builder, namespaces bool, builds map[string]driver.MemberBuilds, now time.Time) output.Answer {
	answer := output.Answer{Kind: "Builder", Columns: []output.Column{
		{Name: "Namespace"}, {Name: "Name"}, {Name: "Ready"}, {Name: "Status"}, {Name: "Mode"}, {Name: "Image"}, {Name: "Nodes"}, {Name: "Age"},
		{Name: "Pods", Wide: true}, {Name: "Restarts", Wide: true},
	}}
	families, heads := familiesOf(builders, builds)
	platforms := slices.ContainsFunc(heads, func(b cluster.Builder) bool { return len(b.Platforms) > 0 })
	if platforms {
		answer.Columns = append(answer.Columns, output.Column{Name: "Platforms"})
	}
	if builds != nil {
		answer.Columns = append(answer.Columns, output.Column{Name: "Running"}, output.Column{Name: "Waiting"}, output.Column{Name: "By Pod", Wide: true})
	}
	skip := 1
	if namespaces {
		skip = 0
	}
	answer.Columns = answer.Columns[skip:]
	for n, b := range heads {
		fields := families[n]
		item := builderItem(b.Name, b.Namespace, fields)
		item.Cells = append([]any{b.Namespace, b.Name}, summarize(fields, b.Mode, now)...)[skip:]
		if platforms {
			var texts []string
			for _, native := range b.Platforms {
				texts = append(texts, platformText(native))
			}
			item.Cells = append(item.Cells, output.OrNone(texts, "<any>"))
		}
		if builds != nil {
			item.Cells = append(item.Cells, summarizeBuilds(fields.Members)...)
		}
		answer.Items = append(answer.Items, item)
	}
	return answer
}

// familiesOf returns the builders without those that belong to another's family, and what is known
// of each with its family.
func familiesOf(builders []cluster.Builder, builds map[string]driver.MemberBuilds) (families []builderFields, heads []cluster.Builder) {
	at := func(of cluster.Builder) int {
		return slices.IndexFunc(heads, func(b cluster.Builder) bool { return b.Namespace == of.Namespace && b.Name == of.Family && !b.Adopted })
	}
	isHead := func(of cluster.Builder) bool {
		return of.Family == "" || !slices.ContainsFunc(builders, func(b cluster.Builder) bool {
			return b.Namespace == of.Namespace && b.Name == of.Family && b.Family == "" && !b.Adopted
		})
	}
	for _, b := range builders {
		if isHead(b) {
			heads, families = append(heads, b), append(families, newBuilderFields(b, builds))
		}
	}
	for _, b := range builders {
		if !isHead(b) {
			families[at(b)].add(newBuilderFields(b, builds))
		}
	}
	return families, heads
}

// summarizeBuilds makes the cells about the builds of the members that have listed them: how many
// run, of how many at most where that is limited, how many wait, and both of each Pod.
func summarizeBuilds(members []memberFields) []any {
	var running, waiting, limit int
	var pods []string
	for _, m := range members {
		if m.Builds == nil {
			pods = append(pods, m.Pod+":?")
			continue
		}
		running, waiting, limit = running+len(m.Builds.Running), waiting+len(m.Builds.Waiting), limit+int(m.Builds.Limit)
		pods = append(pods, fmt.Sprintf("%s:%d+%d", m.Pod, len(m.Builds.Running), len(m.Builds.Waiting)))
	}
	switch {
	case !slices.ContainsFunc(members, func(m memberFields) bool { return m.Builds != nil }):
		return []any{"<unknown>", "<unknown>", output.OrNone(pods, "<none>")}
	case limit > 0:
		return []any{fmt.Sprintf("%d/%d", running, limit), waiting, output.OrNone(pods, "<none>")}
	}
	return []any{running, waiting, output.OrNone(pods, "<none>")}
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
	if b.Ephemeral {
		modes = append(modes, "ephemeral")
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
