package image

import (
	"context"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Bits of a capability mask.
const (
	setgid = 1 << 6
	setuid = 1 << 7
)

// BuildKit is an image like the official one of buildkitd that needs a privileged container.
func (k Kitchen) BuildKit(ctx context.Context, reference string) (Image, error) {
	layers, err := k.buildkitLayers(ctx)
	if err != nil {
		return Image{}, err
	}
	scripts, err := k.scripts("hack/buildkitd-entrypoint", "hack/with-cgroupfs-remount")
	if err != nil {
		return Image{}, err
	}
	for _, dir := range []string{"etc/cdi", "etc/buildkit/cdi", "var/run/cdi"} {
		scripts = append(scripts, Entry{Path: dir, Mode: 0o755, Dir: true})
	}
	networks, err := k.networkEntries(ctx)
	if err != nil {
		return Image{}, err
	}
	return Image{Reference: reference, Recipes: []Recipe{{
		Platform: k.platform(),
		Config: v1.Config{
			Env:        []string{"PATH=" + searchPath, "BUILDKIT_SETUP_CGROUPV2_ROOT=1"},
			Entrypoint: []string{"/usr/bin/buildkitd-entrypoint"},
			Volumes:    map[string]struct{}{"/var/lib/buildkit": {}},
		},
		Layers: append(layers, scripts, networks),
	}}}, nil
}

// networkEntries is what gives steps networks of their own. The official image has iptables where this one has nft: the
// plugins take what there is, and nodes have nft already.
func (k Kitchen) networkEntries(ctx context.Context) ([]Entry, error) {
	entries, err := withLibraries(ctx, Entry{Path: "usr/sbin/nft", Mode: 0o755, Source: "/usr/sbin/nft"})
	if err != nil {
		return nil, err
	}
	for _, plugin := range []string{"bridge", "host-local", "loopback"} {
		entries = append(entries, Entry{Path: "usr/bin/buildkit-cni-" + plugin, Mode: 0o755, Source: k.Programs[plugin]})
	}
	return normalize(entries), nil
}

// RootlessBuildKit is an image like the official one of buildkitd that runs as an ordinary user.
func (k Kitchen) RootlessBuildKit(ctx context.Context, reference string) (Image, error) {
	layers, err := k.buildkitLayers(ctx)
	if err != nil {
		return Image{}, err
	}
	rootless, err := k.rootlessEntries(ctx)
	if err != nil {
		return Image{}, err
	}
	return Image{Reference: reference, Recipes: []Recipe{{
		Platform: k.platform(),
		Config: v1.Config{
			User: "1000:1000",
			Env: []string{
				"PATH=" + searchPath,
				"HOME=/home/user",
				"USER=user",
				"XDG_RUNTIME_DIR=/run/user/1000",
				"TMPDIR=/home/user/.local/tmp",
				"BUILDKIT_HOST=unix:///run/user/1000/buildkit/buildkitd.sock",
			},
			Entrypoint: []string{"rootlesskit", "buildkitd"},
			Volumes:    map[string]struct{}{"/home/user/.local/share/buildkit": {}},
		},
		Layers: append(layers, rootless),
	}}}, nil
}

func (k Kitchen) rootlessEntries(ctx context.Context) ([]Entry, error) {
	entries := []Entry{
		{Path: "usr/bin/rootlesskit", Mode: 0o755, Source: k.Programs["rootlesskit"]},
		{Path: "etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n")},
		{Path: "etc/group", Mode: 0o644, Content: []byte("root:x:0:\nuser:x:1000:\n")},
		{Path: "etc/subuid", Mode: 0o644, Content: []byte("user:100000:65536\n")},
		{Path: "etc/subgid", Mode: 0o644, Content: []byte("user:100000:65536\n")},
	}
	for _, dir := range []string{
		"home/user", "home/user/.local", "home/user/.local/share", "home/user/.local/share/buildkit", "home/user/.local/tmp", "run/user/1000",
	} {
		entries = append(entries, Entry{Path: dir, Mode: 0o755, Dir: true, UID: 1000, GID: 1000})
	}
	// File capabilities, not the setuid bit: in a container the kernel refuses a map written by a setuid program.
	for program, capability := range map[string]uint32{"newuidmap": setuid, "newgidmap": setgid} {
		mapper, err := withLibraries(ctx, Entry{Path: "usr/bin/" + program, Mode: 0o755, Source: "/usr/bin/" + program, Capability: capability})
		if err != nil {
			return nil, err
		}
		entries = append(entries, mapper...)
	}
	return normalize(entries), nil // a map has no order, the image's key needs one
}

// buildkitLayers is what both images have: a userland, git with what it needs to fetch, and BuildKit.
func (k Kitchen) buildkitLayers(ctx context.Context) ([][]Entry, error) {
	git, err := gitEntries(ctx)
	if err != nil {
		return nil, err
	}
	base := append(userland(k.Busybox, k.UserlandNames), git...)
	programs, err := k.scripts("examples/buildctl-daemonless/buildctl-daemonless.sh")
	if err != nil {
		return nil, err
	}
	for name, program := range map[string]string{"buildkitd": "buildkitd", "buildctl": "buildctl", "buildkit-runc": "runc"} {
		programs = append(programs, Entry{Path: "usr/bin/" + name, Mode: 0o755, Source: k.Programs[program]})
	}
	return [][]Entry{normalize(base), normalize(programs)}, nil
}

// gitEntries is a git that fetches over HTTP and ssh and from another directory, with submodules.
func gitEntries(ctx context.Context) ([]Entry, error) {
	const core = "/usr/lib/git-core/"
	entries := []Entry{
		{Path: core[1:] + "git-remote-https", Link: "git-remote-http"},
		{Path: "usr/bin/git-upload-pack", Link: "git"}, // a context that keeps its .git is cloned from the daemon's own copy
	}
	for _, program := range []string{"/usr/bin/git", "/usr/bin/ssh", core + "git-remote-http", core + "git-sh-i18n--envsubst"} {
		one, err := withLibraries(ctx, Entry{Path: program[1:], Mode: 0o755, Source: program})
		if err != nil {
			return nil, err
		}
		entries = append(entries, one...)
	}
	for _, script := range []string{"git-submodule", "git-sh-setup", "git-sh-i18n"} {
		entries = append(entries, Entry{Path: core[1:] + script, Mode: 0o755, Source: core + script})
	}
	return entries, nil
}

// scripts puts files of BuildKit's own source into /usr/bin, so that an image behaves as the official one does.
func (k Kitchen) scripts(files ...string) ([]Entry, error) {
	var entries []Entry
	for _, file := range files {
		content, err := k.BuildKitFile(file)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Entry{Path: "usr/bin/" + path.Base(file), Mode: 0o755, Content: content})
	}
	return entries, nil
}
