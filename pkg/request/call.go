package request

import (
	"strconv"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Call is what is asked of the Dockerfile instead of building it: --call and
// --check.
type Call struct {
	Method string // --call; "" means build
	Check  bool   // --check
}

// Evaluation is how the answer to --call is to be shown.
type Evaluation struct {
	Name         string // e.g. "lint", "outline" or "targets"
	JSON         bool
	IgnoreStatus bool   // warnings do not make the command fail
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
			return &usage.Error{What: "--check", Reason: "--call " + o.Method + " asks for something else", Next: "leave one of them out"}
		}
		if parsed == nil {
			parsed = &call{name: callLint}
		}
	}
	r.call = parsed
	return nil
}

// parseCall reads NAME[,format=FORMAT][,ignorestatus=BOOL]; nil is a build. Which
// names there are only the frontend knows.
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
				return nil, wrong("it names no request, or two")
			}
			c.name = f.value
		case "format":
			if f.value != "json" && f.value != "text" && f.value != "" {
				return nil, wrong(`unknown format "` + f.value + `": it is text or json`)
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
		return nil, wrong("it names no request")
	case callBuild:
		return nil, nil
	case callCheck:
		c.name = callLint
	}
	return c, nil
}

// Evaluation says that the Dockerfile is asked and not built; nil is a build.
func (r *Request) Evaluation() *Evaluation {
	if r.call == nil {
		return nil
	}
	return &Evaluation{Name: r.call.name, JSON: r.call.json, IgnoreStatus: r.call.ignoreStatus, Dockerfile: r.dockerfile}
}
