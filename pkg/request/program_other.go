//go:build !unix

package request

import "os/exec"

func apart(*exec.Cmd) {}

func killAll(command *exec.Cmd) { _ = command.Process.Kill() }
