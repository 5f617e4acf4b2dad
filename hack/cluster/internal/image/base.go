package image

import (
	"context"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Kitchen is where the ingredients of the images are on this machine.
type Kitchen struct {
	Architecture  string                            // of this machine, in Go's words
	Busybox       string                            // a static one
	GoRoot        string                            // a Go toolchain
	Programs      map[string]string                 // built programs by name
	Foreign       map[string]string                 // architecture → a static busybox for it
	BuildKitFile  func(name string) ([]byte, error) // reads a file of BuildKit's source
	UserlandNames []string                          // paths of busybox's applets
}

// NewKitchen looks up what the recipes need to know of this machine's busybox.
func NewKitchen(ctx context.Context, kitchen Kitchen) (Kitchen, error) {
	applets, err := listApplets(ctx, kitchen.Busybox)
	kitchen.UserlandNames = applets
	return kitchen, err
}

func (k Kitchen) platform() v1.Platform {
	return v1.Platform{OS: "linux", Architecture: k.Architecture}
}

// Pause is the image of the process that holds a Pod's namespaces.
func (k Kitchen) Pause(reference string) Image {
	// The shell waits instead of sleeping itself, so that it ends at once when told and reaps orphans of the Pod.
	script := "trap 'exit 0' TERM INT; while :; do sleep 2147483647 & wait; done"
	return Image{Reference: reference, Recipes: []Recipe{{
		Platform: k.platform(),
		Config:   v1.Config{Env: []string{"PATH=" + searchPath}, Entrypoint: []string{"/bin/sh", "-c", script}},
		Layers:   [][]Entry{userland(k.Busybox, k.UserlandNames)},
	}}}
}

// BusyboxBase is a base image with a shell and the usual small programs.
func (k Kitchen) BusyboxBase(reference string) Image {
	return Image{Reference: reference, Recipes: []Recipe{k.busyboxRecipe(k.platform(), k.Busybox)}}
}

// MultiPlatformBase is the same base image for several platforms.
func (k Kitchen) MultiPlatformBase(reference string) Image {
	image := k.BusyboxBase(reference)
	for _, architecture := range []string{"386", "amd64", "arm64"} {
		if busybox, found := k.Foreign[architecture]; found {
			platform := v1.Platform{OS: "linux", Architecture: architecture}
			if architecture == "arm64" {
				platform.Variant = "v8"
			}
			image.Recipes = append(image.Recipes, k.busyboxRecipe(platform, busybox))
		}
	}
	return image
}

func (k Kitchen) busyboxRecipe(platform v1.Platform, busybox string) Recipe {
	return Recipe{
		Platform: platform,
		Config:   v1.Config{Env: []string{"PATH=" + searchPath}, Cmd: []string{"sh"}},
		Layers:   [][]Entry{userland(busybox, k.UserlandNames)},
	}
}

// GoBase is a base image with a shell and the Go toolchain, for programs without C.
func (k Kitchen) GoBase(reference string) (Image, error) {
	toolchain, err := tree(k.GoRoot, "usr/local/go", skipInToolchain)
	if err != nil {
		return Image{}, err
	}
	toolchain = append(toolchain,
		Entry{Path: "go/bin", Mode: 0o777, Dir: true},
		Entry{Path: "go/src", Mode: 0o777, Dir: true})
	recipe := k.busyboxRecipe(k.platform(), k.Busybox)
	recipe.Layers = append(recipe.Layers, toolchain)
	recipe.Config.WorkingDir = "/go"
	recipe.Config.Env = []string{
		"PATH=/go/bin:/usr/local/go/bin:" + searchPath,
		"GOPATH=/go",
		"GOTOOLCHAIN=local", // there is nowhere to download another one from
		"CGO_ENABLED=0",     // nor is a C compiler in the image
	}
	return Image{Reference: reference, Recipes: []Recipe{recipe}}, nil
}

// skipInToolchain leaves out what compiling a program never reads. The compiler's own sources are a third of the toolchain.
func skipInToolchain(path string) bool {
	switch path {
	case "api", "doc", "misc", "test", "src/cmd":
		return true
	}
	return filepath.Base(path) == "testdata" || strings.HasSuffix(path, "_test.go")
}
