package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeNotes writes notes.md: how to get the release, how to check it, and the commits since the tag before it.
func writeNotes(ctx context.Context, src source, sums checksums, out string) error {
	changes := "The first release.\n"
	if before, err := git(ctx, src.dir, "describe", "--tags", "--abbrev=0", src.commit+"^"); err == nil {
		subjects, err := git(ctx, src.dir, "log", "--no-merges", "--format=- %s", before+".."+src.commit)
		if err != nil {
			return err
		}
		changes = fmt.Sprintf("Since %s:\n\n%s\n", before, subjects)
	}
	text := notes(src, changes, sums)
	if err := os.WriteFile(filepath.Join(out, "notes.md"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing the notes: %w", err)
	}
	return nil
}

func notes(src source, changes string, sums checksums) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# kubectl buildkit %s\n\n%s\n", src.version, changes)
	text.WriteString("## Install\n\n```sh\nkubectl krew install buildkit\n```\n\nor put the program of an archive below on your `PATH`.\n\n")
	fmt.Fprintf(&text, "## Check\n\nEach archive holds the program, its licence and a bill of materials (CycloneDX); "+
		"its provenance (in-toto, SLSA v1)\nlies beside it. "+
		"All are reproducible: with %s,\n`make release VERSION=%s` in a checkout of commit %s makes the same bytes.\n\n",
		src.toolchain, src.version, src.commit)
	fmt.Fprintf(&text, "```\n%s```\n", sums)
	return text.String()
}
