package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Names and values that are not UTF-8 arrive in both directions, and a record with them, or with what controls a
// terminal, is shown escaped to everyone who lists the builder's history.
func TestTextThatIsNotUTF8(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	const name, evil = "caf\xe9.txt", "x\x1b]0;owned\x07\x1b[2K\nerror: forged"
	context := dockerfile(t, "FROM scratch", "ARG who", "ARG evil", "LABEL who=$who", "COPY . /")
	write(t, filepath.Join(context, name), "x")
	if err := os.Symlink("to-"+name, filepath.Join(context, "link")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(u.home, "out")
	u.buildkit("build", "-o", out, "--build-arg", "who=Ren\xe9", "--build-arg", "evil="+evil, "--label", "l=Ren\xe9", context).ok()
	if text, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(text) != "x" {
		t.Errorf("the file came back as %q, %v", text, err)
	}
	if to, err := os.Readlink(filepath.Join(out, "link")); err != nil || to != "to-"+name {
		t.Errorf("the link came back as %q, %v", to, err)
	}
	u.buildkit("build", "--label", "x="+evil, dockerfile(t, "FROM BASE", `RUN printf 'a\033]0;owned\007\033[2Jb\033[31mc\n'; exit 3`)).exits(1).
		says(" ab\x1b[31mc\x1b[0m\n").neverSays("owned\x07", "\x1b[2J", "\nerror: forged")
	for _, command := range [][]string{{"list"}, {"logs"}, {"inspect"}, {"inspect", "^1"}} {
		u.buildkit(append([]string{"history"}, command...)...).ok().neverSays("\x1b]", "\x1b[2", "\x07", "\nerror: forged", "\xe9")
	}
	if text := u.buildkit("history", "inspect", "^1").ok().stdout; !strings.Contains(text, `Ren\xe9`) || !strings.Contains(text, `owned\x07`) {
		t.Errorf("got %q", text)
	}
}
