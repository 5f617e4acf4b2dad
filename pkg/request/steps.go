package request

// Steps is how the steps of the Dockerfile are run: --build-arg, --target and
// --platform.
type Steps struct {
	BuildArgs []string // --build-arg
	Target    string   // --target
	Platforms []string // --platform
}

func (o Steps) apply(r *Request, env Environment) error {
	if o.Target != "" {
		r.attrs["target"] = o.Target
	}
	if err := applyPlatforms(r, o.Platforms, env); err != nil {
		return err
	}
	return applyArgs(r, o.BuildArgs, env)
}
