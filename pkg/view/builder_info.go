package view

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tonistiigi/units"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// Introduction is what one member says of itself, and how it was reached.
type Introduction struct {
	Info       *solve.Info
	Connection *cluster.Connection
	Presented  driver.Presented
	// Builds are those of its daemon; nil if it does not list them.
	Builds *driver.MemberBuilds
}

// Builder is the builder, with the members that did not answer among the others. Where none did, it
// is what was asked of install. Members that were not started with what is wanted of their builder
// are outdated.
func Builder(name, namespace string, heard []driver.Answer[Introduction], spec *builder.Spec, wanted map[string]string, err error) output.Answer {
	fields := builderFields{Members: []memberFields{}}
	if spec != nil {
		fields.Install = InstallCommand(*spec)
		for _, setting := range spec.Settings() {
			fields.Settings = append(fields.Settings, settingFields(setting))
		}
	}
	for _, each := range heard {
		fields.Adopted = each.Member.Adopted
		if connection := each.Value.Connection; connection != nil && each.Member.Builder == name {
			fields.Platforms = connection.Platforms
			expires := connection.Expires.UTC()
			fields.CertificatesExpire, fields.FormerCertificates = &expires, connection.Former != nil
		}
		own := newMemberFields(each.Member, wanted[each.Member.Builder])
		if presented := each.Value.Presented; !presented.End.IsZero() {
			end := presented.End.UTC()
			own.CertificateExpires, own.FormerCertificate = &end, presented.Former
		}
		own.Ready, own.State = true, stateReady // it has answered, whatever its probe has seen yet
		own.BuildKit = newDaemonFields(each.Value.Info)
		if each.Value.Builds != nil {
			own.Builds = newActiveFields(*each.Value.Builds)
		}
		fields.Members = append(fields.Members, own)
	}
	if silent := (*driver.NoAnswerError)(nil); errors.As(err, &silent) {
		for _, each := range silent.Silent {
			own := newMemberFields(each.Member, wanted[each.Member.Builder])
			own.Error = each.Err.Error()
			fields.Members = append(fields.Members, own)
		}
	}
	if spec != nil && fields.Platforms == nil {
		fields.Platforms = spec.Natives()
	}
	for n := range fields.Members {
		if len(fields.Platforms) == 0 {
			fields.Members[n].Builder = ""
		}
	}
	slices.SortFunc(fields.Members, func(a, b memberFields) int { return cluster.CompareMembers(a.Pod, b.Pod) })
	if fields.DesiredMembers = len(fields.Members); spec != nil && len(fields.Members) == 0 {
		fields.DesiredMembers = len(spec.MemberNames())
	}
	for _, m := range fields.Members {
		if m.Ready {
			fields.ReadyMembers++
		}
		if m.Outdated {
			fields.OutdatedMembers++
		}
	}
	return output.Answer{
		Kind: "Builder", Single: true, Items: []output.Item{builderItem(name, namespace, fields)},
		Text: func(w io.Writer, wide bool) error { return printInfo(w, name, namespace, fields, wide, time.Now()) },
	}
}

// InstallCommand is the command that asks for the same builder. What it reads from files,
// fileCommands write there.
func InstallCommand(spec builder.Spec) string {
	words := []string{"kubectl buildkit install", spec.Name, "-n", spec.Namespace}
	for _, setting := range spec.Settings() {
		flag := "--" + setting.Name
		switch {
		case setting.File != "":
			words = append(words, flag, setting.File)
		case setting.Name == "metrics":
			words = append(words, flag)
		case setting.Name == "emulate": // its value may be left out, and is none of the next word
			for _, value := range setting.Values {
				words = append(words, flag+"="+explain.Quote(value))
			}
		default:
			for _, value := range setting.Values {
				words = append(words, flag, explain.Quote(value))
			}
		}
	}
	return strings.Join(words, " ")
}

// fileCommands are the commands that write the files which the install command reads.
func fileCommands(name, namespace string, settings []settingFields) []string {
	var commands []string
	for _, setting := range settings {
		if setting.File != "" {
			commands = append(commands, fmt.Sprintf(`kubectl buildkit info %s -n %s -o jsonpath='{.settings[?(@.name=="%s")].content}' > %s`,
				name, namespace, setting.Name, setting.File))
		}
	}
	return commands
}

// printInfo prints one fact a line, in the manner of kubectl describe: those of the builder, then
// those of each member.
func printInfo(w io.Writer, name, namespace string, b builderFields, wide bool, now time.Time) error {
	tw := printers.GetNewTabWriter(w)
	fact := func(name string, value any) { escape.Fprintf(tw, "%s:\t%v\n", name, value) }
	fact("Builder", name)
	fact("Namespace", namespace)
	for _, native := range b.Platforms {
		text := platformText(native)
		if native.Builder != name {
			text += " on builder " + native.Builder
		}
		fact("Builds for", text)
	}
	if len(b.Members) > 1 {
		text := fmt.Sprintf("%d, %d ready", b.DesiredMembers, b.ReadyMembers)
		if b.OutdatedMembers > 0 {
			text += fmt.Sprintf(", %d still to be replaced", b.OutdatedMembers)
		}
		fact("Members", text)
	}
	if b.CertificatesExpire != nil {
		left := b.CertificatesExpire.Sub(now)
		text := fmt.Sprintf("valid until %s (%d days)", b.CertificatesExpire.Format(time.DateOnly), int(left.Hours()/24))
		if b.FormerCertificates {
			text += "; Pods that were not replaced since they were issued accept the former ones"
		}
		fact("Certificates", text)
	}
	if b.Install != "" {
		fact("Settings", b.Install)
	}
	for _, command := range fileCommands(name, namespace, b.Settings) {
		fact("File", command)
	}
	for _, m := range b.Members {
		if len(b.Members) > 1 {
			escape.Fprintln(tw)
		}
		printMember(fact, m, b.Adopted, wide, now)
	}
	return tw.Flush()
}

func printMember(fact func(string, any), m memberFields, adopted, wide bool, now time.Time) {
	fact("Pod", m.Pod)
	fact("Node", cmp.Or(m.Node, "<none>"))
	if !m.Ready || wide {
		fact("State", m.State)
	}
	if m.Outdated {
		fact("Outdated", "yes: it is replaced once its builds have ended")
	}
	if m.CertificateExpires != nil && (m.FormerCertificate || wide) {
		text := "valid until " + m.CertificateExpires.Format(time.DateOnly)
		if m.FormerCertificate {
			text = "a former one, " + text
		}
		fact("Certificate", text)
	}
	fact("Mode", modeOf(m.Mode, adopted))
	fact("Image", cmp.Or(m.Image, "<unknown>"))
	if wide && m.CreatedAt != nil {
		fact("Age", duration.HumanDuration(now.Sub(*m.CreatedAt)))
		fact("Restarts", m.Restarts)
	}
	if m.BuildKit == nil {
		fact("BuildKit", "no answer: "+m.Error)
		return
	}
	fact("BuildKit", m.BuildKit.Version)
	if wide {
		fact("Revision", cmp.Or(m.BuildKit.Revision, "<unknown>"))
	}
	printActive(fact, m.Builds, wide)
	fact("Platforms", output.OrNone(m.BuildKit.Platforms, "<none>"))
	cache := m.BuildKit.Cache
	fact("Cache", fmt.Sprintf("%s in %d records, %s in use", size(cache.SizeBytes), cache.Records, size(cache.InUseBytes)))
	if wide {
		for _, worker := range m.BuildKit.Workers {
			printWorker(fact, worker)
		}
	}
}

func printWorker(fact func(string, any), worker workerFields) {
	fact("Worker", worker.ID)
	for _, label := range slices.Sorted(maps.Keys(worker.Labels)) {
		fact("  "+label, worker.Labels[label])
	}
	for i, rule := range worker.GC {
		fact(fmt.Sprintf("  GC rule %d", i+1), ruleText(rule))
	}
}

// ruleText says what a rule of the garbage collection does.
func ruleText(rule gcFields) string {
	var parts []string
	for _, limit := range []struct {
		words string
		bytes int64
	}{{"uses at most", rule.MaxUsedBytes}, {"keeps at least", rule.ReservedBytes}, {"leaves free", rule.MinFreeBytes}} {
		if limit.bytes > 0 {
			parts = append(parts, limit.words+" "+size(limit.bytes))
		}
	}
	if rule.KeepSeconds > 0 {
		parts = append(parts, "only unused for "+duration.HumanDuration(time.Duration(rule.KeepSeconds)*time.Second))
	}
	if len(rule.Filters) > 0 {
		parts = append(parts, "only "+strings.Join(rule.Filters, " or "))
	}
	if rule.All {
		parts = append(parts, "internal records too")
	}
	return cmp.Or(strings.Join(parts, ", "), "no limit")
}

func modeOf(mode string, adopted bool) string {
	if adopted {
		return "adopted: not installed by kubectl buildkit"
	}
	return cmp.Or(mode, "<unknown>")
}

// size is a number of bytes for people, e.g. "1.235GB".
func size(bytes int64) string { return fmt.Sprintf("%.4g", units.Bytes(bytes)) }
