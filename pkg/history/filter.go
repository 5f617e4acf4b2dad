package history

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func wrongFilter(typed, reason, next string) error {
	return &usage.Error{What: "--filter", Value: typed, Reason: reason, Next: next}
}

// Filters select the records that match all of them.
type Filters []func(Record) bool

func (f Filters) match(record Record) bool {
	for _, matches := range f {
		if !matches(record) {
			return false
		}
	}
	return true
}

// filterKeys are the keys of docker buildx history ls, and name.
const filterKeys = "ref, name, repository, status, startedAt, completedAt, duration"

// ParseFilters parses e.g. "status=error", "name=team/app", "startedAt>=24h",
// "duration>1m". Times are RFC 3339, or durations before now. The error is a
// *usage.Error.
func ParseFilters(values []string, now time.Time) (Filters, error) {
	var filters Filters
	for _, value := range values {
		matches, err := parseFilter(value, now)
		if err != nil {
			return nil, err
		}
		filters = append(filters, matches)
	}
	return filters, nil
}

func parseFilter(typed string, now time.Time) (func(Record) bool, error) {
	key, operator, value := cutOperator(typed)
	if operator == "" {
		return nil, wrongFilter(typed, "it has no operator", "write e.g. status=error or duration>1m")
	}
	switch key {
	case "ref", "name", "repository", "status":
		return textFilter(typed, key, operator, value)
	case "startedAt", "completedAt", "duration":
		return timeFilter(typed, key, operator, value, now)
	}
	return nil, wrongFilter(typed, "unknown key", "must be one of: "+filterKeys)
}

// cutOperator cuts at the first operator.
func cutOperator(typed string) (key, operator, value string) {
	at := strings.IndexAny(typed, "!<>=")
	if at < 0 {
		return typed, "", ""
	}
	for _, operator := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if value, found := strings.CutPrefix(typed[at:], operator); found {
			return typed[:at], operator, value
		}
	}
	return typed, "", ""
}

func textFilter(typed, key, operator, value string) (func(Record) bool, error) {
	if operator != "=" && operator != "!=" {
		return nil, wrongFilter(typed, key+" takes = or !=", "write e.g. status=error or name=team/app")
	}
	if key == "status" {
		switch Status(value) {
		case Running, Waiting, Completed, Failed, Canceled:
		default:
			return nil, wrongFilter(typed, "unknown status", "must be one of: running, waiting, completed, error, canceled")
		}
	}
	return func(record Record) bool {
		matches := false
		switch key {
		case "ref":
			matches = strings.Contains(record.Ref, value)
		case "name":
			matches = strings.Contains(record.Name, value)
		case "repository":
			matches = strings.Contains(sourceOf(record.entry.GetFrontendAttrs()), value)
		case "status":
			matches = record.Status == Status(value)
		}
		return matches == (operator == "=")
	}, nil
}

func timeFilter(typed, key, operator, value string, now time.Time) (func(Record) bool, error) {
	if operator == "=" || operator == "!=" {
		return nil, wrongFilter(typed, key+" takes <, <=, > or >=", "write e.g. duration>1m or startedAt<24h")
	}
	span, err := time.ParseDuration(value)
	if err != nil && key == "duration" {
		return nil, wrongFilter(typed, fmt.Sprintf("invalid duration %q", value), "write e.g. 90s or 2m")
	}
	moment := now.Add(-span)
	if err != nil {
		if moment, err = time.Parse(time.RFC3339, value); err != nil {
			return nil, wrongFilter(typed, fmt.Sprintf("invalid time %q", value), "write e.g. 24h for a day ago, or 2026-01-31T12:00:00Z")
		}
	}
	return func(record Record) bool {
		switch key {
		case "startedAt":
			return holds(record.Created.Compare(moment), operator)
		case "completedAt":
			return !record.Ended.IsZero() && holds(record.Ended.Compare(moment), operator)
		}
		return holds(cmp.Compare(record.Duration, span), operator)
	}, nil
}

func holds(order int, operator string) bool {
	switch operator {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// FilterWords returns filters and their beginnings, for completion.
func FilterWords() []string {
	return []string{
		"status=error", "status=completed", "status=canceled", "status=running", "status=waiting", "name=", "ref=", "repository=", "startedAt>", "completedAt>", "duration>",
	}
}
