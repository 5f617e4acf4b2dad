//go:build faults

package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fault is something that goes wrong under a build. Whatever that is, the build ends: with the whole image, or with an
// error that says what happened, and nothing is left over.
type fault struct {
	name    string
	company company
	// happens breaks something, checks what comes of it, and says that in a few words.
	happens func(s *scene) (outcome string)
}

// company is what may go on beside a fault.
type company int

const (
	alone company = iota // nothing: it stops parts of the cluster, or needs the whole machine
	busy                 // a few others that make the machine work
	waits                // anything: it takes minutes in which little happens
)

// busyAtOnce is for a machine of two processors.
const busyAtOnce = 6

func faults() []fault {
	return slices.Concat(apiServerFaults(), nodeFaults(), builderFaults(), linkFaults(), clientFaults(), registryFaults())
}

// TestFaults runs every fault E2E_FAULT_ROUNDS times (default 1), or only those that E2E_FAULTS names, one a line, and after each
// round writes a table of what came of them to the file E2E_FAULT_TABLE. A round that would begin after E2E_FAULT_TIME is left out.
func TestFaults(t *testing.T) {
	wanted := chosenFaults(t)
	rounds, err := strconv.Atoi(fallback(os.Getenv("E2E_FAULT_ROUNDS"), "1"))
	if err != nil {
		t.Fatalf("E2E_FAULT_ROUNDS: %v", err)
	}
	limit, err := time.ParseDuration(fallback(os.Getenv("E2E_FAULT_TIME"), "24h"))
	if err != nil {
		t.Fatalf("E2E_FAULT_TIME: %v", err)
	}
	outcomes := &ledger{}
	begin := time.Now()
	for round := range rounds {
		if time.Since(begin) > limit {
			t.Logf("the time is over after %d rounds of %d", round, rounds)
			return
		}
		slots := make(chan struct{}, busyAtOnce)
		for _, now := range []bool{true, false} {
			t.Run(map[bool]string{true: "alone", false: "together"}[now], func(t *testing.T) {
				for _, f := range wanted {
					if (f.company == alone) == now {
						t.Run(f.name, func(t *testing.T) { f.run(t, outcomes, slots) })
					}
				}
			})
		}
		write(t, need(t, "E2E_FAULT_TABLE"), outcomes.table(wanted))
	}
}

func chosenFaults(t *testing.T) []fault {
	t.Helper()
	all := faults()
	names := strings.FieldsFunc(os.Getenv("E2E_FAULTS"), func(r rune) bool { return r == '\n' })
	if len(names) == 0 {
		return all
	}
	var chosen []fault
	for _, name := range names {
		at := slices.IndexFunc(all, func(f fault) bool { return f.name == name })
		if at < 0 {
			known := []string{}
			for _, f := range all {
				known = append(known, f.name)
			}
			t.Fatalf("fault %q not found, must be one of: %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[at])
	}
	return chosen
}

func (f fault) run(t *testing.T, outcomes *ledger, slots chan struct{}) {
	if f.company != alone {
		t.Parallel()
	}
	if f.company == busy {
		slots <- struct{}{}
		defer func() { <-slots }()
	}
	s := &scene{user: newUser(t)}
	s.kubectl("wait", "serviceaccount/default", "--for=create", "--timeout=60s").ok() // late after an API server was killed
	outcome := "FAILED"
	defer func() { outcomes.enter(f.name, outcome, s.noticed) }()
	if f.company == alone {
		t.Cleanup(func() { repair(t) })
	}
	said := f.happens(s)
	s.settles()
	if !t.Failed() {
		outcome = said
	}
}

func fallback(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// ledger counts outcomes.
type ledger struct {
	mu      sync.Mutex
	entries []entry
}

type entry struct {
	fault, outcome string
	noticed        time.Duration
}

func (l *ledger) enter(fault, outcome string, noticed time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, entry{fault, outcome, noticed})
}

// table has a line for every fault: how often it happened, what came of it, and how long it took at most until the user
// was told.
func (l *ledger) table(faults []fault) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := "| fault | rounds | outcomes | reported after at most |\n|---|---|---|---|\n"
	for _, f := range faults {
		rounds, noticed, counts, order := 0, time.Duration(0), map[string]int{}, []string{}
		for _, e := range l.entries {
			if e.fault != f.name {
				continue
			}
			rounds++
			noticed = max(noticed, e.noticed)
			if counts[e.outcome]++; counts[e.outcome] == 1 {
				order = append(order, e.outcome)
			}
		}
		cells := []string{}
		for _, outcome := range order {
			cells = append(cells, fmt.Sprintf("%d × %s", counts[outcome], outcome))
		}
		told := "–"
		if noticed > 0 {
			told = fmt.Sprintf("%.1f s", noticed.Seconds())
		}
		text += fmt.Sprintf("| %s | %d | %s | %s |\n", f.name, rounds, strings.Join(cells, "; "), told)
	}
	return text
}
