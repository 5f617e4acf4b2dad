package checkup

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// Widths of the columns, in characters; a name longer than the last pushes its own line only.
const (
	statusWidth  = 9
	nameWidth    = 22
	maxNameWidth = 60
)

// Printer prints results as lines of aligned columns, each as soon as it is known.
type Printer struct {
	to    io.Writer
	width int
	color bool

	skipped []string // the checks of one line that is still to be printed
	reason  string
}

// NewPrinter prints to a stream that shows what it is given: everything is escaped here. With
// color, what is wrong is marked by color as well.
func NewPrinter(to io.Writer, checks []Check, color bool) *Printer {
	width := nameWidth
	for _, check := range checks {
		if n := len([]rune(check.Name)); n > width && n <= maxNameWidth {
			width = n
		}
	}
	return &Printer{to: to, width: width, color: color}
}

// Print writes a result, with the remedy under it. Results that were skipped for one reason share a
// line, which is written when another follows, or by Flush.
func (p *Printer) Print(result Result) error {
	if result.Status == Skipped && (p.reason == "" || p.reason == result.Message) {
		p.skipped, p.reason = append(p.skipped, result.Name), result.Message
		return nil
	}
	if err := p.Flush(); err != nil {
		return err
	}
	if result.Status == Skipped {
		return p.Print(result)
	}
	under := strings.Repeat(" ", statusWidth)
	text := p.line(result.Status, result.Name, escape.Indented(strings.TrimSpace(result.Message), under))
	if result.Remedy != "" {
		text += under + "→ " + escape.Line(result.Remedy) + "\n"
	}
	_, err := io.WriteString(p.to, text)
	return err
}

// Flush writes the line of what was skipped last.
func (p *Printer) Flush() error {
	if len(p.skipped) == 0 {
		return nil
	}
	name, message := p.skipped[0], escape.Line(p.reason)
	if len(p.skipped) > 1 {
		name, message = fmt.Sprintf("%d checks", len(p.skipped)), message+": "+escape.Line(strings.Join(p.skipped, ", "))
	}
	p.skipped, p.reason = nil, ""
	_, err := io.WriteString(p.to, p.line(Skipped, name, message))
	return err
}

func (p *Printer) line(status Status, name, message string) string {
	word := fmt.Sprintf("%-*s", statusWidth, status)
	if code := colors()[status]; p.color && code != "" {
		word = "\x1b[" + code + "m" + word + "\x1b[0m"
	}
	return fmt.Sprintf("%s%-*s %s\n", word, p.width, escape.Line(name), message)
}

func colors() map[Status]string {
	return map[Status]string{Failed: "31", Warning: "33"}
}
