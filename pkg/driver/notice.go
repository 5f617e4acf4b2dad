package driver

import (
	"fmt"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
)

// Notice is what happens during a call and does not end it: a step of it, or something that is not
// as it should be.
type Notice struct {
	// Text is one line. It may have text of the cluster in it, so it is escaped before it is shown.
	Text string
	// Warning is set where something is wrong.
	Warning bool
	// Err, if it is not nil, is what is wrong; pkg/explain knows what to do about it.
	Err error
	// Show, if it is not nil, is to be called with the line in place of printing it, which would
	// break a display.
	Show func(line string)
}

func (d *Driver) send(notice Notice) {
	if d.notify != nil {
		d.notify(notice)
	}
}

func (d *Driver) inform(format string, args ...any) {
	d.send(Notice{Text: fmt.Sprintf(format, args...)})
}

func (d *Driver) warn(text string) { d.send(Notice{Text: text, Warning: true}) }

// once passes a notice on unless this driver, or the one that it renews, has done so before.
func (d *Driver) once(notice Notice) {
	if _, before := d.noted.LoadOrStore(notice.Text, true); !before {
		d.send(notice)
	}
}

func (d *Driver) warnOnce(err error) { d.once(Notice{Text: err.Error(), Warning: true, Err: err}) }

// event passes on a step of a start.
func (d *Driver) event(event install.Event) {
	if event.Pod != "" {
		d.inform("%s: %s", event.Pod, event.Message)
		return
	}
	d.inform("%s", event.Message)
}
