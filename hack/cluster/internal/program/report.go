package program

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

const (
	// stillEvery is how often a build that goes on is reported.
	stillEvery = 30 * time.Second
	// paceAfter is how much must have been built before the pace of this machine is used for estimates.
	paceAfter = time.Minute
)

// report tells people what is being built, how far it is, and how long it takes as a rule.
type report struct {
	out      io.Writer
	programs int
	number   int           // of the program that is being built
	left     time.Duration // as a rule, for the programs that were not begun
	expected time.Duration // as a rule, for those that were built
	took     time.Duration // what these took here
}

// newReport announces the build of the programs.
func newReport(out io.Writer, programs []Program) *report {
	r := &report{out: out, programs: len(programs)}
	for _, program := range programs {
		r.left += program.Usual
	}
	fmt.Fprintf(out, "  building %d programs from source, the first time only: as a rule %s on two cores (this machine has %d), "+
		"and the time to download their modules\n", len(programs), rounded(r.left), runtime.NumCPU())
	return r
}

// skip counts a program that another run has built.
func (r *report) skip(program Program) {
	r.number++
	r.left -= program.Usual
}

// begin reports that a program is built from now on, and again every stillEvery until end is called.
func (r *report) begin(program Program) (end func()) {
	r.number++
	r.left -= program.Usual
	name := fmt.Sprintf("  %d of %d: %s", r.number, r.programs, program.Name)
	usual := r.here(program.Usual)
	rest := ""
	if r.left > 0 {
		rest = fmt.Sprintf(", then about %s for the rest", rounded(r.here(r.left)))
	}
	fmt.Fprintf(r.out, "%s, about %s%s\n", name, rounded(usual), rest)
	began, stop, stopped := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(stillEvery)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				fmt.Fprintf(r.out, "%s: still building after %s, about %s expected\n", name, time.Since(began).Round(time.Second), rounded(usual))
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		took := time.Since(began)
		r.expected += program.Usual
		r.took += took
		fmt.Fprintf(r.out, "%s: %.1fs\n", name, took.Seconds())
	}
}

// here is how long something takes at the pace of this machine, as far as that is known.
func (r *report) here(usual time.Duration) time.Duration {
	if r.expected < paceAfter {
		return usual
	}
	return time.Duration(float64(usual) * float64(r.took) / float64(r.expected))
}

// rounded is a duration as people say it.
func rounded(d time.Duration) string {
	if d < 90*time.Second {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
}
