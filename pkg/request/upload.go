package request

import (
	"strconv"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Upload says how the context is sent.
type Upload struct {
	Compress       string // --compress; docker's flag of old was a boolean
	ContextWarning string // --context-warning
}

func (o Upload) apply(r *Request, _ Environment) error {
	value := o.Compress
	if on, err := strconv.ParseBool(value); err == nil {
		value = string(upload.Never)
		if on {
			value = string(upload.Always)
		}
	}
	mode, err := upload.ParseMode(value)
	if err != nil {
		return &usage.Error{What: "--compress", Value: o.Compress, Reason: err.Error()}
	}
	r.upload = upload.Options{Compress: mode}
	if o.ContextWarning == "" {
		return nil
	}
	if r.upload.Large, err = ParseBytes(o.ContextWarning); err != nil {
		return &usage.Error{What: "--context-warning", Value: o.ContextWarning, Reason: err.Error(), Next: "use a size, e.g. 100m, or 0 for none"}
	}
	return nil
}
