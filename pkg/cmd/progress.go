package cmd

// noColors reports whether the environment asks for text without colors (no-color.org).
func (f *factory) noColors() bool {
	value, _ := f.lookupEnv("NO_COLOR")
	return value != ""
}
