// Package checkup runs a list of named checks in order, each with its own remedy. A check that
// needs one which failed is skipped with the reason, so that one fault is reported once.
//
// It knows nothing of what is checked: neither Kubernetes nor BuildKit nor commands.
package checkup

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
)

// Status is how a check ended.
type Status string

// How a check can end.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, but not as it should
	Failed  Status = "failed"
	Skipped Status = "skipped" // another check must pass first, or this one was not asked for
	Unknown Status = "unknown" // the user who asks may not see it
)

// Finding is what one check has found.
type Finding struct {
	Status Status
	// Message is one line; for Skipped and Unknown it is the reason.
	Message string
	// Remedy is what to do, usually a command; empty when there is nothing to do.
	Remedy string
	// Details are facts for a machine, e.g. each permission; nil when the message has all.
	Details any
	// Class is that of a failure.
	Class fault.Class
}

// Check is one of a list.
type Check struct {
	// Name is what a person calls it, e.g. "API server".
	Name string
	// Needs are the names of earlier checks without which this one means nothing.
	Needs []string
	Run   func(ctx context.Context) Finding
}

// Result is a check that is done.
type Result struct {
	Name string `json:"name"`
	// Status, Message, Remedy and Details are those of the Finding.
	Status  Status `json:"status"`
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
	Details any    `json:"details,omitempty"`
	// Milliseconds are how long the check took.
	Milliseconds int64 `json:"milliseconds"`

	class fault.Class
}

// Run does the checks in order and reports each as soon as it is done. It ends early when the
// context does.
func Run(ctx context.Context, checks []Check, report func(Result)) []Result {
	var results []Result
	missing := map[string]string{} // what comes first, by the check that is not there
	for _, check := range checks {
		start := time.Now()
		finding := lacking(check, missing)
		if finding.Status == "" {
			finding = check.Run(ctx)
		}
		if ctx.Err() != nil {
			break // what it found is that it was interrupted
		}
		if finding.Status == Failed || finding.Status == Skipped {
			missing[check.Name] = check.Name
			if first := blocking(check, missing); first != "" {
				missing[check.Name] = first
			}
		}
		result := Result{
			Name: check.Name, Status: finding.Status, Message: finding.Message, Remedy: finding.Remedy,
			Details: finding.Details, Milliseconds: time.Since(start).Milliseconds(), class: finding.Class,
		}
		report(result)
		results = append(results, result)
	}
	return results
}

// lacking returns the finding about a check that cannot run; the zero value for one that can.
func lacking(check Check, missing map[string]string) Finding {
	if first := blocking(check, missing); first != "" {
		return Finding{Status: Skipped, Message: fmt.Sprintf("%q comes first", first)}
	}
	return Finding{}
}

// blocking is the check at the beginning of the chain because of which this one cannot run; empty
// if it can.
func blocking(check Check, missing map[string]string) string {
	for _, need := range check.Needs {
		if first := missing[need]; first != "" {
			return first
		}
	}
	return ""
}

// FailedError is returned when checks failed.
type FailedError struct {
	Names []string
	Total int
	// First is the class of the first that failed: the others may be its consequences.
	First fault.Class
}

func (e *FailedError) Error() string {
	return fmt.Sprintf("%d of %d checks failed: %s", len(e.Names), e.Total, strings.Join(e.Names, ", "))
}

// Class returns that of the first check that failed.
func (e *FailedError) Class() fault.Class { return e.First }

// Err is a *FailedError if a check failed, else nil.
func Err(results []Result) error {
	failed := &FailedError{Total: len(results)}
	for _, result := range results {
		if result.Status != Failed {
			continue
		}
		if len(failed.Names) == 0 {
			failed.First = result.class
		}
		failed.Names = append(failed.Names, result.Name)
	}
	if len(failed.Names) == 0 {
		return nil
	}
	return failed
}
