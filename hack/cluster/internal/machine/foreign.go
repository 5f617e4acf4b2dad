package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ForeignBusybox returns the path of a static busybox for another architecture (386 or arm64), fetched into dir from
// Debian unless it is there. The machine's own package lists stay as they are.
func ForeignBusybox(ctx context.Context, dir, architecture string) (string, error) {
	final := filepath.Join(dir, "busybox-"+architecture)
	if _, err := os.Stat(final); err == nil {
		return final, nil
	}
	if err := fetchBusybox(ctx, dir, architecture, final); err != nil {
		return "", fmt.Errorf("fetching busybox for %q: %w", architecture, err)
	}
	return final, nil
}

func fetchBusybox(ctx context.Context, dir, architecture, final string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(dir, ".fetching-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, directory := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(work, directory), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(work, "status"), nil, 0o644); err != nil {
		return err
	}
	debian := architecture
	if architecture == "386" {
		debian = "i386"
	}
	own := []string{
		"-o", "Dir::State=" + work, "-o", "Dir::State::status=" + filepath.Join(work, "status"), "-o", "Dir::Cache=" + filepath.Join(work, "cache"),
		"-o", "APT::Architecture=" + debian, "-o", "APT::Architectures::=" + debian, "-o", "APT::Sandbox::User=root",
	}
	// Other sources of the machine may not carry this architecture: only the download tells whether one did.
	_, _ = runIn(ctx, work, "apt-get", append(own, "-qq", "update")...)
	if output, err := runIn(ctx, work, "apt-get", append(own, "-qq", "download", "busybox-static")...); err != nil {
		return fmt.Errorf("%w:\n%s", err, output)
	}
	packages, err := filepath.Glob(filepath.Join(work, "busybox-static_*.deb"))
	if err != nil || len(packages) == 0 {
		return fmt.Errorf("no package was downloaded")
	}
	if output, err := runIn(ctx, work, "dpkg-deb", "-x", packages[0], "extracted"); err != nil {
		return fmt.Errorf("%w:\n%s", err, output)
	}
	for _, path := range []string{"bin/busybox", "usr/bin/busybox"} {
		if os.Rename(filepath.Join(work, "extracted", path), final) == nil {
			return nil
		}
	}
	return fmt.Errorf("package %q holds no busybox", filepath.Base(packages[0]))
}

func runIn(ctx context.Context, dir, name string, arguments ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Dir = dir
	output, err := command.CombinedOutput()
	if err != nil {
		return output, fmt.Errorf("running %s: %w", name, err)
	}
	return output, nil
}
