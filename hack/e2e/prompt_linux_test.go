package e2e_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// terminal is the other side of what a user sits at.
type terminal struct {
	t      *testing.T
	master *os.File
	cmd    *exec.Cmd
	seen   chan string
	text   string
}

// sitsDown runs a program in a terminal of its own.
func (u *user) sitsDown(program string, args ...string) *terminal {
	u.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		u.t.Fatal(err)
	}
	var number, unlocked int32
	ioctl(u.t, master, syscall.TIOCSPTLCK, unsafe.Pointer(&unlocked))
	ioctl(u.t, master, syscall.TIOCGPTN, unsafe.Pointer(&number))
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		u.t.Fatal(err)
	}
	x := &terminal{t: u.t, master: master, seen: make(chan string, 64), cmd: exec.Command(program, args...)}
	x.cmd.Env, x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = u.environ(), slave, slave, slave
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		u.t.Fatal(err)
	}
	slave.Close() // so that reading ends when the last program has left the terminal
	go x.watch()
	u.t.Cleanup(func() { master.Close() })
	return x
}

func ioctl(t *testing.T, file *os.File, request uintptr, into unsafe.Pointer) {
	t.Helper()
	if _, _, err := syscall.Syscall(syscall.SYS_IOCTL, file.Fd(), request, uintptr(into)); err != 0 {
		t.Fatal(err)
	}
}

func (x *terminal) watch() {
	buffer := make([]byte, 4096)
	for {
		n, err := x.master.Read(buffer)
		if err != nil {
			close(x.seen)
			return
		}
		x.seen <- string(buffer[:n])
	}
}

// shows waits until the text is on the screen.
func (x *terminal) shows(text string) {
	x.t.Helper()
	limit := time.After(time.Minute)
	for !strings.Contains(x.text, text) {
		select {
		case more := <-x.seen:
			x.text += more
		case <-limit:
			_ = x.cmd.Process.Kill()
			x.t.Fatalf("the terminal never shows %q:\n%s", text, x.text)
		}
	}
}

// typesUnseen waits until the program has switched the echo off, as for a password or a line that it edits itself.
func (x *terminal) typesUnseen(text string) {
	x.t.Helper()
	for limit := time.Now().Add(time.Minute); x.echoes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			_ = x.cmd.Process.Kill()
			x.t.Fatalf("the terminal still echoes:\n%s", x.text)
		}
	}
	x.types(text)
}

func (x *terminal) echoes() bool {
	x.t.Helper()
	var state syscall.Termios
	ioctl(x.t, x.master, syscall.TCGETS, unsafe.Pointer(&state))
	return state.Lflag&syscall.ECHO != 0
}

func (x *terminal) types(text string) {
	x.t.Helper()
	if _, err := io.WriteString(x.master, text); err != nil {
		x.t.Fatal(err)
	}
}

func (x *terminal) ends(code int) {
	x.t.Helper()
	_ = x.cmd.Wait()
	for more := range x.seen { // to its end: nothing has the terminal open any more
		x.text += more
	}
	if got := x.cmd.ProcessState.ExitCode(); got != code {
		x.t.Errorf("exit code %d, want %d\n%s", got, code, x.text)
	}
	if !x.echoes() {
		x.t.Error("the terminal was left without echo")
	}
}

// The password is asked for and never shown; Ctrl-C leaves a terminal that echoes.
func TestLoginPrompt(t *testing.T) {
	u, reg := newUser(t), basicRegistry(t)
	args := []string{"buildkit", "login", reg.host, "--registry-ca", need(t, "E2E_REGISTRY_CA")}
	x := u.sitsDown("kubectl", args...)
	x.shows("Username: ")
	x.types(reg.user + "\n")
	x.shows("Password: ")
	x.typesUnseen(reg.password + "\n")
	x.shows("Login Succeeded")
	x.ends(0)
	if strings.Contains(x.text, reg.password) {
		t.Errorf("the password is on the screen:\n%s", x.text)
	}

	x = u.sitsDown("kubectl", args...)
	x.shows("Username: ")
	x.types("\x03")
	x.ends(130)

	x = u.sitsDown("kubectl", append(args, "-u", "me")...)
	x.shows("Password: ")
	x.typesUnseen("\x03")
	x.ends(130)
}
