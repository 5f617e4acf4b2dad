// Package machine prepares the computer that the cluster runs on, and cleans it: distribution packages, mounts, control
// groups. It must not know the cluster's components.
package machine

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// requirement is a distribution package and a file that tells that it is there.
type requirement struct {
	pkg  string
	file string // a glob pattern
}

func requirements() []requirement {
	return []requirement{
		{"bash-completion", "/usr/share/bash-completion/bash_completion"}, // a test presses TAB
		{"busybox-static", "/usr/share/doc/busybox-static"},               // the userland of every image
		{"ca-certificates", "/etc/ssl/certs/ca-certificates.crt"},
		{"chromium", "/usr/bin/chromium"},            // the end-to-end tests look at pages with it
		{"gcc", "/usr/bin/gcc"},                      // runc is C in part
		{"git", "/usr/lib/git-core/git-remote-http"}, // into the images of buildkitd
		{"iproute2", "/usr/share/doc/iproute2"},
		{"libc6-dev", "/usr/lib/*/libc.a"},
		{"libseccomp-dev", "/usr/lib/*/libseccomp.a"},
		{"nftables", "/usr/sbin/nft"},      // kube-proxy calls it
		{"openssh-client", "/usr/bin/ssh"}, // with git
		{"pkg-config", "/usr/bin/pkg-config"},
		{"uidmap", "/usr/bin/newuidmap"}, // into the rootless image
		{"util-linux", "/usr/bin/nsenter"},
	}
}

// InstallPackages installs the Debian packages that are missing, or names them where it cannot.
func InstallPackages(ctx context.Context, progress io.Writer) error {
	missing := missingPackages(requirements())
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("installing packages: this machine lacks (by their names in Debian) %s, and only root with apt-get can install them",
			strings.Join(missing, " "))
	}
	fmt.Fprintf(progress, "  installing %s\n", strings.Join(missing, " "))
	install := append([]string{"install", "-y", "--no-install-recommends"}, missing...)
	for _, arguments := range [][]string{{"update"}, install} {
		command := exec.CommandContext(ctx, "apt-get", arguments...)
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("installing packages %s: apt-get %s: %w:\n%s", strings.Join(missing, " "), arguments[0], err, output)
		}
	}
	return nil
}

func missingPackages(required []requirement) []string {
	var missing []string
	for _, requirement := range required {
		if !exists(requirement.file) {
			missing = append(missing, requirement.pkg)
		}
	}
	return missing
}
