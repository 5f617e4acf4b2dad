// Package version says which build of the plugin this is. It reads what the Go linker recorded, so
// that no version is set by hand: `go build` in a tagged checkout and `go install …@v1.2.3` both
// tell the truth.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version describes a build of the plugin.
type Version struct {
	Plugin   string `json:"plugin"`   // e.g. "v1.2.3"; "(devel)" outside a checkout
	BuildKit string `json:"buildkit"` // the client library, e.g. "v0.34.2"
	Go       string `json:"go"`       // e.g. "go1.26.8"
	Platform string `json:"platform"` // e.g. "linux/amd64"
}

const buildkitModule = "github.com/moby/buildkit"

// Read returns the version of the running program.
func Read() Version {
	v := Version{Plugin: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Plugin = info.Main.Version
	}
	for _, dep := range info.Deps {
		if dep.Path == buildkitModule {
			v.BuildKit = dep.Version
		}
	}
	return v
}

// String is the form that `kubectl buildkit version` prints.
func (v Version) String() string {
	return fmt.Sprintf("kubectl-buildkit %s\nbuildkit %s\n%s %s", v.Plugin, v.BuildKit, v.Go, v.Platform)
}
