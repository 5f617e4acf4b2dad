package request

import (
	"strconv"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Call has the flags of requests that do not build: --call and --check.
type Call struct {
	Method string // --call; "" means build
	Check  bool   // --check
}

// Evaluation is how to print the result of --call.
type Evaluation struct {
	Name         string // e.g. "lint", "outline" or "targets"
	JSON         bool
	IgnoreStatus bool   // warnings do not fail the command
	Dockerfile   string // the user's name for it; "" if it is not a file of this machine
}

const (
	subrequestPrefix = "frontend."
	subrequestsCap   = "moby.buildkit.frontend.subrequests+forward"
	callBuild        = "build"
	callCheck        = "check"
	callLint         = "lint" // the frontend's name for check
)

type call struct {
	name         string
	json         bool
	ignoreStatus bool
}

func (o Call) apply(r *Request, _ Environment) error {
	parsed, err := parseCall(o.Method)
	if err != nil {
		return err
	}
	if o.Check {
		if parsed != nil && parsed.name != callLint {
			return &usage.Error{What: "--check", Reason: "--call " + o.Method + " contradicts it", Next: "leave one of them out"}
		}
		if parsed == nil {
			parsed = &call{name: callLint}
		}
	}
	r.call = parsed
	return nil
}

// parseCall parses NAME[,format=FORMAT][,ignorestatus=BOOL]; nil is a build. Only the
// frontend knows the valid names.
func parseCall(value string) (*call, error) {
	const form = "use check, outline, targets or build, e.g. check,format=json"
	if value == "" {
		return nil, nil
	}
	wrong := func(reason string) error {
		return &usage.Error{What: "--call", Value: value, Reason: reason, Next: form}
	}
	fields, err := parseFields("--call", value)
	if err != nil {
		return nil, err
	}
	c := &call{}
	for _, f := range fields {
		switch f.key {
		case "":
			if c.name != "" || f.value == "" {
				return nil, wrong("it must have exactly one request")
			}
			c.name = f.value
		case "format":
			if f.value != "json" && f.value != "text" && f.value != "" {
				return nil, wrong(`unknown format "` + f.value + `": must be one of: text, json`)
			}
			c.json = f.value == "json"
		case "ignorestatus":
			if c.ignoreStatus, err = strconv.ParseBool(f.value); err != nil {
				return nil, wrong("ignorestatus=" + f.value + " is not a boolean")
			}
		default:
			return nil, wrong(`unknown key "` + f.key + `"`)
		}
	}
	switch c.name {
	case "":
		return nil, wrong("the request is missing")
	case callBuild:
		return nil, nil
	case callCheck:
		c.name = callLint
	}
	return c, nil
}

// Evaluation returns how to print the result of --call; nil for a build.
func (r *Request) Evaluation() *Evaluation {
	if r.call == nil {
		return nil
	}
	return &Evaluation{Name: r.call.name, JSON: r.call.json, IgnoreStatus: r.call.ignoreStatus, Dockerfile: r.dockerfile}
}
