package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// baseBar is what the plugin may take, divided by what the earlier commit's takes.
const baseBar = 1.05

// buildBoth builds the plugin of the working tree and the commit's, with the same flags, into the workshop: what lies in
// bin/ may be of another time.
func (w *workshop) buildBoth(ctx context.Context, commit string) error {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	id, err := command(ctx, root, "git", "rev-parse", "--verify", "--end-of-options", commit+"^{commit}")
	if err != nil {
		return fmt.Errorf("finding commit %q: %w", commit, err)
	}
	source := filepath.Join(w.dir, "base-source")
	if _, err := command(ctx, root, "git", "clone", "--quiet", "--shared", "--no-checkout", ".", source); err != nil {
		return err
	}
	if _, err := command(ctx, source, "git", "checkout", "--quiet", "--detach", strings.TrimSpace(id)); err != nil {
		return fmt.Errorf("checking out %q: %w", commit, err)
	}
	w.plugin, w.base = filepath.Join(w.dir, "plugin"), filepath.Join(w.dir, "base")
	for path, dir := range map[string]string{w.plugin: root, w.base: source} {
		fmt.Fprintf(w.log, "building %s\n", dir)
		if _, err := command(ctx, dir, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/kubectl-buildkit"); err != nil {
			return err
		}
	}
	return nil
}

// command runs a program in a directory and returns what it prints.
func command(ctx context.Context, dir string, argv ...string) (string, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, stderr.String())
	}
	return string(out), nil
}

// printPairs prints the medians of both, and the median of the ratios of neighboring runs with its quartiles: what slows
// the machine for longer than a run hits both of a pair.
func printPairs(w io.Writer, commit string, table []measurement) {
	fmt.Fprintf(w, "| case | working tree | %s | ratio of pairs (middle half) | bar |\n|---|---|---|---|---|\n", commit)
	for _, m := range table {
		ratios := m.ratios()
		quarter := len(ratios) / 4
		ratio, verdict := middle(ratios), ""
		if ratio > baseBar {
			verdict = " MISSED"
		}
		fmt.Fprintf(w, "| %s | %.3f s | %.3f s | %.3f (%.3f–%.3f, %d pairs) | ≤ %.2f%s |\n", m.about, m.rows[0].seconds(), m.rows[1].seconds(),
			ratio, ratios[quarter], ratios[len(ratios)-1-quarter], len(ratios), baseBar, verdict)
	}
}

// ratios are those of the runs of the first two rows, in ascending order.
func (m measurement) ratios() []float64 {
	ratios := make([]float64, len(m.rows[0].runs))
	for i, one := range m.rows[0].runs {
		ratios[i] = one.wall.Seconds() / m.rows[1].runs[i].wall.Seconds()
	}
	slices.Sort(ratios)
	return ratios
}
