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

// bill is the name of the bill of materials.
func (p platform) bill(version string) string { return p.stem(version) + ".cdx.json" }

// provenance is the name of the provenance statement.
func (p platform) provenance(version string) string { return p.stem(version) + ".provenance.json" }

// pack builds the program for the platform and writes its archive, its bill of materials and its provenance. It adds
// their checksums.
func pack(ctx context.Context, src source, p platform, sums checksums, scratch, out string) error {
	dir := filepath.Join(scratch, p.os+"-"+p.arch)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	executable := filepath.Join(dir, p.executable())
	if err := compile(ctx, src, p, executable); err != nil {
		return err
	}
	archive, bill, origin := p.archive(src.version), p.bill(src.version), p.provenance(src.version)
	if err := writeBill(ctx, src, executable, filepath.Join(out, bill)); err != nil {
		return err
	}
	contents := []content{
		{name: p.executable(), path: executable, mode: 0o755},
		{name: "LICENSE", path: filepath.Join(src.dir, "LICENSE"), mode: 0o644},
		{name: "sbom.cdx.json", path: filepath.Join(out, bill), mode: 0o644},
	}
	if err := writeArchive(filepath.Join(out, archive), contents, src.time); err != nil {
		return err
	}
	for _, file := range []string{archive, bill} {
		if err := sums.add(out, file); err != nil {
			return err
		}
	}
	if err := writeProvenance(src, p, executable, sums, out, origin); err != nil {
		return err
	}
	return sums.add(out, origin)
}

// compileArguments are those of go, but where the program is written to.
func compileArguments() []string {
	return []string{"build", "-trimpath", "-buildvcs=true", "-ldflags", "-s -w", "./cmd/" + program}
}

// environment is what changes the result of a build, set so that nothing of the caller's counts.
func (p platform) environment(toolchain string) []string {
	return []string{"GOOS=" + p.os, "GOARCH=" + p.arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GOTOOLCHAIN=" + toolchain}
}

// compile builds as `make build` does, and checks that the program prints the version of the release.
func compile(ctx context.Context, src source, p platform, path string) error {
	arguments := compileArguments()
	build := exec.CommandContext(ctx, "go", append([]string{arguments[0], "-o", path}, arguments[1:]...)...)
	build.Dir = src.dir
	build.Env = append(os.Environ(), p.environment(src.toolchain)...)
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
