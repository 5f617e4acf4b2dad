package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// writeBill lists, in CycloneDX, the modules that the linker put into the program. The time and the random serial number
// that the format permits are left out: they would make every run another.
func writeBill(ctx context.Context, src source, executable, path string) error {
	bill := exec.CommandContext(ctx, "go", "tool", "cyclonedx-gomod", "bin", "-json", "-std", "-noserial", "-notimestamp",
		"-version", src.version, executable)
	bill.Dir = filepath.Join(src.dir, "hack", "release")
	bill.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	text, err := output(bill)
	if err != nil {
		return err
	}
	same, err := withoutToolHashes([]byte(text))
	if err != nil {
		return fmt.Errorf("reading the bill of materials: %w", err)
	}
	return os.WriteFile(path, same, 0o644)
}

// withoutToolHashes removes the checksums of the tool's own executable: they tell on which machine it was built.
func withoutToolHashes(bill []byte) ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(bill, &document); err != nil {
		return nil, err
	}
	metadata, _ := document["metadata"].(map[string]any)
	tools, _ := metadata["tools"].([]any)
	for _, tool := range tools {
		if tool, ok := tool.(map[string]any); ok {
			delete(tool, "hashes")
		}
	}
	same, err := json.MarshalIndent(document, "", "  ")
	return append(same, '\n'), err
}
