package buildcache

import (
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Filter says which records are meant.
type Filter struct {
	// Expression is in the daemon's words; a record must fit all of it. Empty is all records.
	Expression string
	// UnusedFor is for how long a record has not been used, at least.
	UnusedFor time.Duration
}

// Filters are how the filters begin that ParseFilter knows.
func Filters() []string {
	return []string{
		"until=", "id=", "type=", "description~=", "parents=", "inuse", "mutable", "immutable", "shared", "private",
	}
}

// ParseFilter reads filters in docker's words: "until=24h" (or "unused-for"), "id=PREFIX",
// "type=regular", "description~=apt", "parents=ID", and "inuse", "mutable", "immutable", "shared"
// or "private", also with "=true" or "=false". The operators are =, != and ~= (a regular
// expression). A record must fit all of them.
func ParseFilter(values []string) (Filter, error) {
	filter, parts, seen := Filter{}, []string{}, map[string]bool{}
	for _, value := range values {
		key, operator, operand := split(value)
		if seen[key] {
			return Filter{}, &usage.Error{What: "--filter", Value: value, Reason: "there is another one about " + key}
		}
		seen[key] = true
		if key == "until" || key == "unused-for" {
			if filter.UnusedFor != 0 {
				return Filter{}, &usage.Error{What: "--filter", Value: value, Reason: "until and unused-for are the same", Next: "use one of them"}
			}
			age, err := time.ParseDuration(operand)
			if err != nil || age <= 0 || operator != "=" {
				return Filter{}, &usage.Error{What: "--filter", Value: value, Reason: "invalid duration", Next: "write e.g. " + key + "=24h"}
			}
			filter.UnusedFor = age
			continue
		}
		part, err := expression(value, key, operator, operand)
		if err != nil {
			return Filter{}, err
		}
		parts = append(parts, part)
	}
	filter.Expression = strings.Join(parts, ",")
	return filter, nil
}

// split takes "description~=apt" apart.
func split(value string) (key, operator, operand string) {
	key, operand, found := strings.Cut(value, "=")
	if !found {
		return strings.ToLower(strings.TrimSpace(value)), "", ""
	}
	operator = "="
	if short := strings.TrimRight(key, "!~"); len(short) == len(key)-1 {
		key, operator = short, key[len(short):]+"="
	}
	return strings.ToLower(strings.TrimSpace(key)), operator, strings.TrimSpace(strings.TrimPrefix(operand, "="))
}

// expression is one filter in the daemon's words. There a flag is a field that is there or not,
// which no value tells.
func expression(value, key, operator, operand string) (string, error) {
	switch key {
	case "id", "type", "description", "parents":
		if operator == "" || operand == "" {
			return "", &usage.Error{What: "--filter", Value: value, Reason: "it has no value", Next: "write " + key + "=VALUE"}
		}
		switch {
		case operator == "=" && key == "id":
			operator = "~="
			operand = "^" + operand
		case operator == "=":
			operator = "=="
		}
		return key + operator + strconv.Quote(operand), nil
	case "inuse", "mutable", "immutable", "shared", "private":
		on := true
		if operator != "" {
			var err error
			if on, err = strconv.ParseBool(operand); err != nil || operator != "=" {
				return "", &usage.Error{What: "--filter", Value: value, Reason: "it is true or false", Next: "write " + key + "=true"}
			}
		}
		opposites := map[string]string{"mutable": "immutable", "immutable": "mutable", "shared": "private", "private": "shared"}
		switch {
		case on:
			return key, nil
		case opposites[key] != "":
			return opposites[key], nil
		}
		return "", &usage.Error{What: "--filter", Value: value, Reason: "the daemon cannot tell what is not in use", Next: "leave it out: prune removes nothing that is in use"}
	}
	return "", &usage.Error{
		What: "--filter", Value: value, Reason: "unknown filter",
		Next: "use until, id, type, description, parents, inuse, mutable, immutable, shared or private",
	}
}

// Fits says whether the record has been unused for long enough; all else the daemon decides.
func (f Filter) Fits(record Record, now time.Time) bool {
	return f.UnusedFor == 0 || now.Sub(record.used()) >= f.UnusedFor
}

// Expressions is the filter as the daemon takes it: alternatives, of which there is one or none.
func (f Filter) Expressions() []string {
	if f.Expression == "" {
		return nil
	}
	return []string{f.Expression}
}
