package e2e_test

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// otherUser is the ID of an ordinary user, whom no file belongs to.
const otherUser = 65534

// becomeOtherUser runs the user's commands as an ordinary user of the machine: root can read every file. What they need
// moves to a directory that such a user reaches; the function that is returned undoes it.
func (u *user) becomeOtherUser(peer *buildx) (undo func()) {
	u.t.Helper()
	if os.Geteuid() != 0 {
		return func() {}
	}
	home, err := os.MkdirTemp("", "other-user") // t.TempDir's parents are root's alone
	if err != nil {
		u.t.Fatal(err)
	}
	if err := os.CopyFS(home, os.DirFS(u.home)); err != nil {
		u.t.Fatal(err)
	}
	bin := filepath.Join(home, "bin")
	program := peer.program
	peer.program = copyProgram(u.t, peer.program, bin)
	copyProgram(u.t, os.Getenv("E2E_PLUGIN"), bin)
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		u.t.Fatal(err)
	}
	copyProgram(u.t, kubectl, bin)
	before := u.env
	u.env = merge(before, map[string]string{
		"HOME": home, "PATH": bin + ":/usr/bin:/bin", "KUBECONFIG": filepath.Join(home, "kubeconfig"), "TMPDIR": filepath.Join(home, "tmp"),
		"DOCKER_CONFIG": filepath.Join(home, ".docker"), "BUILDX_CONFIG": filepath.Join(home, "buildx"),
	})
	u.system = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: otherUser, Gid: otherUser}}
	err = filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, otherUser, otherUser)
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return func() {
		u.env, u.system, peer.program = before, nil, program
		_ = os.RemoveAll(home)
	}
}

func copyProgram(t *testing.T, path, directory string) string {
	t.Helper()
	if err := os.MkdirAll(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	from, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(directory, filepath.Base(path)), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Name()
}

// compareUnreadable has contexts with what this user may not read. What .dockerignore leaves out does not matter.
func (l *laboratory) compareUnreadable(t *testing.T) {
	l = l.in(t)
	defer l.u.becomeOtherUser(l.peer)()
	for name, test := range map[string]struct {
		ignore    string
		directory bool // it is a directory that cannot be read, and not a file
		peer      bool // docker buildx builds it
		ok        bool
	}{
		"file":              {"", false, true, false}, // docker buildx makes an empty file of it
		"directory":         {"", true, false, false},
		"ignored file":      {"secret\n", false, true, true},
		"ignored directory": {"secret\n", true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			context, err := os.MkdirTemp("", "context")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(context) })
			write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY . /\n")
			write(t, filepath.Join(context, ".dockerignore"), test.ignore)
			secret := filepath.Join(context, "secret")
			if test.directory {
				err = os.Mkdir(secret, 0)
			} else {
				err = os.WriteFile(secret, []byte("mine\n"), 0)
			}
			if err := os.Chmod(context, 0o755); err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			tag := l.reg.name(l.u) + "-unreadable"
			flags := func(who string) []string {
				return []string{"build", "--builder", who, "--no-cache", "--output=type=image,rewrite-timestamp=true,push=true,name=" + tag + ":" + who, context}
			}
			out, err := l.peer.try(flags("peer")...)
			if (err == nil) != test.peer {
				t.Errorf("docker buildx: %v\n%s", err, out)
			}
			ours := l.u.buildkit(flags(l.peer.pod)...)
			if !test.ok {
				ours.exits(1).says("secret", "permission denied")
				return
			}
			ours.ok()
			if got, want := l.reg.digest(tag+":"+l.peer.pod), l.reg.digest(tag+":peer"); got != want || got == "" {
				t.Errorf("docker buildx pushed %q, kubectl buildkit %q", want, got)
			}
		})
	}
}
