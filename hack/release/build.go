package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is the name of the executable, and how the names of all archives begin.
const program = "kubectl-buildkit"

// platform is an operating system and an architecture, in Go's words.
type platform struct{ os, arch string }

func platforms() []platform {
	return []platform{
		{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"}, {"windows", "arm64"},
	}
}

// choose reads a list like "linux/amd64,darwin/arm64"; an empty one is all.
func choose(list string) ([]platform, error) {
	if list == "" {
		return platforms(), nil
	}
	var chosen []platform
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for _, p := range platforms() {
			if p.String() == name {
				chosen, found = append(chosen, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no release is made for platform %q: there are %v", name, platforms())
		}
	}
	return chosen, nil
}

func (p platform) String() string { return p.os + "/" + p.arch }

func (p platform) executable() string {
	if p.os == "windows" {
		return program + ".exe"
	}
	return program
}

// stem is the name of everything made for the platform, without an ending.
func (p platform) stem(version string) string {
	return fmt.Sprintf("%s_%s_%s_%s", program, version, p.os, p.arch)
}

// archive is the file's name; .krew.yaml names the same ones.
func (p platform) archive(version string) string {
	if p.os == "windows" {
		return p.stem(version) + ".zip"
	}
	return p.stem(version) + ".tar.gz"
}

// pack builds the program for the platform and writes its archive and its bill of materials. It returns their names.
func pack(ctx context.Context, src source, p platform, scratch, out string) ([]string, error) {
	dir := filepath.Join(scratch, p.os+"-"+p.arch)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	executable := filepath.Join(dir, p.executable())
	if err := compile(ctx, src, p, executable); err != nil {
		return nil, err
	}
	bill := p.stem(src.version) + ".cdx.json"
	if err := writeBill(ctx, src, executable, filepath.Join(out, bill)); err != nil {
		return nil, err
	}
	contents := []content{
		{name: p.executable(), path: executable, mode: 0o755},
		{name: "LICENSE", path: filepath.Join(src.dir, "LICENSE"), mode: 0o644},
		{name: "sbom.cdx.json", path: filepath.Join(out, bill), mode: 0o644},
	}
	archive := p.archive(src.version)
	return []string{archive, bill}, writeArchive(filepath.Join(out, archive), contents, src.time)
}

// compile builds as `make build` does, with nothing of the caller's environment that changes the result, and checks that
// the program says the version of the release.
func compile(ctx context.Context, src source, p platform, path string) error {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w", "-o", path, "./cmd/"+program)
	build.Dir = src.dir
	build.Env = append(os.Environ(), "GOOS="+p.os, "GOARCH="+p.arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOTOOLCHAIN="+src.toolchain)
	if _, err := output(build); err != nil {
		return err
	}
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading what was built: %w", err)
	}
	if info.Main.Version != src.version {
		return fmt.Errorf("the program calls itself %q, not %q", info.Main.Version, src.version)
	}
	return nil
}
