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

// sendAnew makes a build without cache a build without what the daemon keeps of directories, too. It comes after the
// options of a frontend, which may say the same.
func (o Steps) sendAnew(r *Request, _ Environment) error {
	if stages, given := r.attrs["no-cache"]; given && stages == "" {
		r.context.SendAnew()
	}
	return nil
}
