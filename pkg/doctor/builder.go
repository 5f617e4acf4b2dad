package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/platforms"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// isolation reports where a daemon may run without the node's own root. It matters to a rootless
// builder only.
func (d *doctor) isolation(context.Context) checkup.Finding {
	if d.nodes == nil {
		return checkup.Finding{Status: checkup.Unknown, Message: "you may not see the nodes"}
	}
	var rootless, mapped int
	var doubts []string
	for _, node := range d.nodes {
		if node.Rootless == "" {
			rootless++
		} else {
			doubts = append(doubts, node.Name+": "+node.Rootless)
		}
		if node.UserNamespaces == "" {
			mapped++
		}
	}
	summary := fmt.Sprintf("no obstacle to --rootless on %d of %d nodes, nor to user namespaces of Pods on %d",
		rootless, len(d.nodes), mapped)
	if len(d.inspection.Members) > 0 && d.inspection.Members[0].Mode == builder.ModeRootless && len(doubts) > 0 {
		return checkup.Finding{
			Status: checkup.Warning, Message: "this builder is rootless; " + strings.Join(doubts, "; "),
			Remedy: "keep it off these nodes with --node-selector, or install without --rootless",
		}
	}
	return ok(nil, "%s, as far as nodes report kernel, kubelet and runtime", summary)
}

// image reports what is known of the daemon's image without pulling it.
func (d *doctor) image(context.Context) checkup.Finding {
	image := d.inspection.Needs.Image
	running := 0
	for _, member := range d.inspection.Members {
		var notReady *cluster.NotReadyError
		if errors.As(member.Err, &notReady) && strings.Contains(notReady.Reason, "Image") {
			return checkup.Finding{
				Status: checkup.Failed, Message: fmt.Sprintf("node %q cannot pull %s: %s", member.Node, image, notReady.Message), Class: fault.Unavailable,
				Remedy: "check --image and --image-pull-secret of install, or whether the nodes reach that registry",
			}
		}
		if member.Ready {
			running++
		}
	}
	with := 0
	for _, node := range d.nodes {
		if node.HasImage {
			with++
		}
	}
	switch {
	case running > 0:
		return ok(nil, "%s runs in %d of %d members", image, running, len(d.inspection.Members))
	case with > 0:
		return ok(nil, "%s is on %d of %d nodes; pulling it on others was not tried", image, with, len(d.nodes))
	}
	return checkup.Finding{
		Status: checkup.Unknown, Message: image + " is on no node that you may see, and pulling it was not tried",
		Remedy: "kubectl buildkit install pulls it, and reports an error if it cannot",
	}
}

func (d *doctor) builder(context.Context) checkup.Finding {
	if d.missing != nil {
		return failed(d.missing)
	}
	var notes []string
	var first error
	ready := 0
	for _, member := range d.inspection.Members {
		switch {
		case member.Err == nil:
			ready++
		case first == nil:
			first = member.Err
		}
		if member.Restarts > 0 {
			note := fmt.Sprintf("%s was restarted %s", member.Pod, times(int(member.Restarts)))
			if member.LastEnd != "" {
				note += ", after " + member.LastEnd
			}
			notes = append(notes, note)
		}
	}
	summary := fmt.Sprintf("%d of %d members ready", ready, len(d.inspection.Members))
	if ready == 0 {
		finding := unknownOr(first)
		finding.Message = strings.Join(append([]string{finding.Message}, notes...), "; ")
		return finding
	}
	finding := ok(d.inspection.Members, "%s", strings.Join(append([]string{summary + d.mode()}, notes...), "; "))
	if lacking := d.inspection.Lacking; len(lacking) > 0 {
		names := make([]string, len(lacking))
		for i, reference := range lacking {
			names[i] = reference.String()
		}
		finding.Status = checkup.Warning
		finding.Message += fmt.Sprintf("; missing: %s, without which its Pods cannot be started again", strings.Join(names, ", "))
		finding.Remedy = fmt.Sprintf("kubectl buildkit install %s -n %s", d.options.Builder, d.client.Namespace())
	} else if first != nil {
		report := explain.Error(first)
		finding.Status, finding.Message, finding.Remedy = checkup.Warning, finding.Message+"; "+report.Text, report.Next
	} else if len(notes) > 0 {
		finding.Status = checkup.Warning
		finding.Remedy = fmt.Sprintf("kubectl logs %s -n %s --previous; more memory: --limit memory=… of install",
			d.inspection.Members[0].Pod, d.client.Namespace())
	}
	return finding
}

func (d *doctor) mode() string {
	member := d.inspection.Members[0]
	switch {
	case member.Adopted:
		return ", unmanaged: install did not make it"
	case member.Mode != "":
		return ", " + member.Mode
	}
	return ""
}

func (d *doctor) certificates(context.Context) checkup.Finding {
	if d.inspection.Adopted() {
		return ok(nil, "an unmanaged builder has none: it is reached with exec")
	}
	if d.inspection.Connection == nil || unusableForNow(d.inspection.ConnectionErr) {
		return unknownOr(d.inspection.ConnectionErr)
	}
	end := d.inspection.Connection.Expires
	left := end.Sub(d.client.Now())
	renew := fmt.Sprintf("kubectl buildkit install %s -n %s, which renews them", d.options.Builder, d.client.Namespace())
	when := fmt.Sprintf("%s (%d days left)", end.Format(time.DateOnly), int(left.Hours()/24))
	details := map[string]any{"end": end, "daysLeft": int(left.Hours() / 24)}
	switch {
	case left <= 0:
		return checkup.Finding{
			Status: checkup.Failed, Message: "they ended on " + end.Format(time.DateOnly), Remedy: renew, Class: fault.Unavailable, Details: details,
		}
	case left < cluster.ExpiryNotice:
		return checkup.Finding{Status: checkup.Warning, Message: "they end on " + when, Remedy: renew, Details: details}
	}
	return ok(details, "valid until %s", when)
}

// unusableForNow reports whether certificates are refused for another reason than that they have
// ended.
func unusableForNow(err error) bool {
	var unusable *trust.UnusableError
	return errors.As(err, &unusable) && !unusable.Expired
}

// daemon asks each member that is ready.
func (d *doctor) daemon(ctx context.Context) checkup.Finding {
	transport := d.bestTransport(ctx)
	if transport == "" {
		return skipped("no tunnel leads to it")
	}
	var lines []string
	for _, member := range d.inspection.Members {
		if member.Err != nil {
			continue
		}
		info, err := d.ask(ctx, transport, member.Member)
		if err != nil {
			return failed(err)
		}
		var native []string
		for _, worker := range info.Workers {
			if len(worker.Platforms) > 0 {
				native = output.AppendNew(native, platforms.Format(worker.Platforms[0]))
			}
		}
		line := fmt.Sprintf("BuildKit %s with %d worker(s) for %s", info.Version, len(info.Workers), output.OrNone(native, "no platform"))
		if info.Version != builder.BuildKitVersion {
			line += fmt.Sprintf(", while this plugin brings %s", builder.BuildKitVersion)
		}
		if len(d.inspection.Members) > 1 {
			line = member.Pod + ": " + line
		}
		lines = append(lines, line)
		if len(info.Workers) == 0 {
			return checkup.Finding{
				Status: checkup.Failed, Message: line, Class: fault.Unavailable,
				Remedy: fmt.Sprintf("kubectl logs %s -n %s, which shows why it has no worker", member.Pod, member.Namespace),
			}
		}
	}
	return ok(nil, "%s", strings.Join(lines, "\n"))
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
