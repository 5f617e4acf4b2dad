//go:build unix

package export

import (
	"os/exec"
	"syscall"
)

// separateGroup puts the program into a separate process group.
func separateGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func killAll(command *exec.Cmd) {
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
}
