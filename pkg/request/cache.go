package request

// Cache is what may be reused: --no-cache and --pull.
type Cache struct {
	NoCache bool // --no-cache
	Pull    bool // --pull
}

func (o Cache) apply(r *Request, _ Environment) error {
	if o.NoCache {
		r.attrs["no-cache"] = ""
	}
	if o.Pull {
		r.attrs["image-resolve-mode"] = "pull"
	}
	return nil
}
