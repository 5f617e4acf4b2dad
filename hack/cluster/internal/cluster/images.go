package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/image"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/machine"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/node"
	"github.com/kubectl-buildkit/kubectl-buildkit/hack/cluster/internal/program"
)

// images is the made images: those that nodes hold from the start, and those that builds find in the registries.
type images struct {
	pause, buildkit, rootless image.Layout
	base, golang, multi       image.Layout
}

func (c *Cluster) makeImages(ctx context.Context, cache *program.Cache, programs map[string]string) (images, error) {
	kitchen, err := c.kitchen(ctx, cache, programs)
	if err != nil {
		return images{}, err
	}
	const buildkit = "docker.io/moby/buildkit:" + program.BuildKitVersion
	privileged, err := kitchen.BuildKit(ctx, buildkit)
	if err != nil {
		return images{}, err
	}
	rootless, err := kitchen.RootlessBuildKit(ctx, buildkit+"-rootless")
	if err != nil {
		return images{}, err
	}
	golang, err := kitchen.GoBase("localhost/base/golang:1.26")
	if err != nil {
		return images{}, err
	}
	var made images
	layouts := image.NewCache(filepath.Join(c.options.Cache, "images"), c.progress)
	orders := []struct {
		image  image.Image
		layout *image.Layout
	}{
		{kitchen.Pause(node.PauseImage), &made.pause},
		{privileged, &made.buildkit},
		{rootless, &made.rootless},
		{kitchen.BusyboxBase("localhost/base/busybox:1"), &made.base},
		{golang, &made.golang},
		{kitchen.MultiPlatformBase("localhost/base/multi:1"), &made.multi},
	}
	for i, order := range orders {
		layout, err := layouts.Make(order.image, fmt.Sprintf("%d of %d", i+1, len(orders)))
		if err != nil {
			return images{}, err
		}
		*order.layout = layout
	}
	return made, nil
}

// kitchen gathers what the images are made from.
func (c *Cluster) kitchen(ctx context.Context, cache *program.Cache, programs map[string]string) (image.Kitchen, error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return image.Kitchen{}, fmt.Errorf("finding busybox: %w", err)
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return image.Kitchen{}, fmt.Errorf("finding the Go toolchain: %w", err)
	}
	foreign := make(map[string]string)
	for _, architecture := range []string{"386", "amd64", "arm64"} {
		if architecture == runtime.GOARCH {
			continue
		}
		path, err := machine.ForeignBusybox(ctx, filepath.Join(c.options.Cache, "foreign"), architecture)
		if err != nil {
			return image.Kitchen{}, err
		}
		foreign[architecture] = path
	}
	return image.NewKitchen(ctx, image.Kitchen{
		Architecture: runtime.GOARCH, Busybox: busybox, GoRoot: strings.TrimSpace(string(goroot)), Programs: programs, Foreign: foreign,
		BuildKitFile: func(name string) ([]byte, error) {
			return cache.ModuleFile(ctx, "buildkitd", "github.com/moby/buildkit", name)
		},
	})
}

func (c *Cluster) programs(ctx context.Context) (*program.Cache, error) {
	return program.NewCache(ctx, filepath.Join(c.options.Cache, "programs"), filepath.Join(c.options.Sources, "programs"), c.progress)
}

// configuration is a hash of what a cluster is made from: the numbers, the programs, and the sources of this program,
// which say how the others are started. After any change `up` makes a new cluster.
func (c *Cluster) configuration(cache *program.Cache) (string, error) {
	hash := sha256.New()
	fmt.Fprintf(hash, "%+v\n", c.plan)
	for _, name := range program.ClusterNames() {
		path, err := cache.Path(name)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, path)
	}
	sources := os.DirFS(c.options.Sources)
	err := fs.WalkDir(sources, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == "programs" {
			return fs.SkipDir // counted above
		}
		if filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		data, err := fs.ReadFile(sources, path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(data), data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hashing the sources of this program: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// Programs builds the named programs that are missing and returns their paths, in the order of the names.
func (c *Cluster) Programs(ctx context.Context, names []string) ([]string, error) {
	cache, err := c.programs(ctx)
	if err != nil {
		return nil, err
	}
	built, err := cache.Build(ctx, names...)
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, name := range names {
		paths = append(paths, built[name])
	}
	return paths, nil
}
