package history

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/fault"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// NotFoundError is returned when no daemon has a record of the build.
type NotFoundError struct {
	Ref     string // as typed; empty for the latest
	Records int    // the number of existing records
}

func (e *NotFoundError) Error() string {
	if e.Records == 0 {
		return "no record of any build"
	}
	return fmt.Sprintf("no record of build %q", e.Ref)
}

// Class returns fault.Failed.
func (*NotFoundError) Class() fault.Class { return fault.Failed }

// ambiguous returns the error for a prefix of several builds' references.
func ambiguous(ref string, refs []string) error {
	const shown = 5
	begin := refs
	if len(begin) > shown {
		begin = append(slices.Clone(begin[:shown]), "…")
	}
	return &usage.Error{
		What: "REF", Value: ref, Reason: fmt.Sprintf("%d builds begin with it: %s", len(refs), strings.Join(begin, ", ")), Next: "give more of the reference",
	}
}

// Latest is the reference of the newest build.
const Latest = "latest"

// Find returns the index of the build that ref selects: by its reference, a unique
// prefix of it, "latest" or nothing for the newest, "^1" for the one before it, and
// so on. The records are sorted, the newest first. The error is a *NotFoundError
// or, if several builds match, a *usage.Error.
func Find(records []Record, ref string) (int, error) {
	if ref == "" || ref == Latest {
		ref = "^0"
	}
	if back, found := strings.CutPrefix(ref, "^"); found {
		offset, err := strconv.Atoi(back)
		if err != nil || offset < 0 || offset >= len(records) {
			return 0, &NotFoundError{Ref: ref, Records: len(records)}
		}
		return offset, nil
	}
	index, matching := 0, []string(nil)
	for i, record := range records {
		if record.Ref == ref {
			return i, nil
		}
		if strings.HasPrefix(record.Ref, ref) {
			index, matching = i, append(matching, record.Ref)
		}
	}
	switch len(matching) {
	case 0:
		return 0, &NotFoundError{Ref: ref, Records: len(records)}
	case 1:
		return index, nil
	}
	return 0, ambiguous(ref, matching)
}
