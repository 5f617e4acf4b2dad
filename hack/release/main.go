// Command release makes what a release consists of from a commit: six archives, their bills of materials and provenance,
// checksums, the krew manifest and notes. It publishes nothing.
//
// The commit is cloned and tagged in a temporary directory, so that nothing of the working tree gets in and two runs, on
// whichever machine and in whichever directory, make the same bytes with the same Go.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

const usage = `usage: go run . -version v1.2.3 [-out DIR] [-platforms linux/amd64,…]

Makes a release of the checked-out commit: archives, bills of materials, provenance, checksums.txt, notes.md and, when
no platform is left out, plugins/buildkit.yaml.
`

var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stderr)
	stop()
	switch {
	case errors.Is(err, errUsage):
		fmt.Fprintln(os.Stderr, "error:", err)
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, log io.Writer) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	version := flags.String("version", "", "")
	out := flags.String("out", "dist", "")
	list := flags.String("platforms", "", "")
	if err := flags.Parse(arguments); err != nil || flags.NArg() > 0 {
		return fmt.Errorf("%w: %q", errUsage, arguments)
	}
	if !validVersion(*version) {
		return fmt.Errorf("%w: the version %q is not like v1.2.3 or v1.2.3-rc.1", errUsage, *version)
	}
	chosen, err := choose(*list)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	dir, err := filepath.Abs(*out)
	if err != nil {
		return fmt.Errorf("finding the output directory: %w", err)
	}
	return release(ctx, *version, dir, chosen, log)
}

// validVersion says whether the tag is a semantic version in the form that Go and krew want.
func validVersion(version string) bool {
	const number, word = `(0|[1-9][0-9]*)`, `[0-9A-Za-z-]+`
	return regexp.MustCompile(`^v` + number + `\.` + number + `\.` + number + `(-` + word + `(\.` + word + `)*)?$`).MatchString(version)
}

// release fills the directory, which is emptied first: what an earlier run left must not be published with this one.
func release(ctx context.Context, version, out string, chosen []platform, log io.Writer) error {
	scratch, err := os.MkdirTemp("", "kubectl-buildkit-release-")
	if err != nil {
		return fmt.Errorf("making a directory to build in: %w", err)
	}
	defer os.RemoveAll(scratch)
	src, err := checkOut(ctx, version, filepath.Join(scratch, "source"), log)
	if err != nil {
		return err
	}
	if err := empty(out); err != nil {
		return err
	}
	sums := checksums{}
	for _, p := range chosen {
		fmt.Fprintf(log, "building %s\n", p.archive(version))
		if err := pack(ctx, src, p, sums, scratch, out); err != nil {
			return fmt.Errorf("making the archive for %s: %w", p, err)
		}
	}
	if err := os.WriteFile(filepath.Join(out, "checksums.txt"), []byte(sums.String()), 0o644); err != nil {
		return fmt.Errorf("writing the checksums: %w", err)
	}
	if err := writeNotes(ctx, src, sums, out); err != nil {
		return err
	}
	if len(chosen) < len(platforms()) {
		fmt.Fprintln(log, "no krew manifest: platforms are missing")
		return nil
	}
	return writeManifest(src, sums, out)
}

// empty makes the directory, or removes from it what a release consists of. One with anything else is not ours.
func empty(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("making the output directory: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("reading the output directory: %w", err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if name != "checksums.txt" && name != "notes.md" && name != "plugins" && !strings.HasPrefix(name, program+"_") {
			return fmt.Errorf("output directory %q holds %q, which no release made: choose another with -out", dir, name)
		}
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return fmt.Errorf("emptying the output directory: %w", err)
		}
	}
	return nil
}
