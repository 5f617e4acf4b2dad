//go:build !unix

package export

import "os/exec"

func separateGroup(*exec.Cmd) {}

func killAll(command *exec.Cmd) { _ = command.Process.Kill() }
