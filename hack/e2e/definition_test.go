package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// compareDefinition pipes the LLB of a program into the build, as BuildKit's guides do with buildctl. The peer is the
// buildctl of the builder's own Pod.
func (l *laboratory) compareDefinition(t *testing.T) {
	l = l.in(t)
	made := exec.Command("go", "run", "./hack/e2e/testdata/llb/main.go")
	made.Dir, made.Stderr = filepath.Join("..", ".."), os.Stderr
	definition, err := made.Output()
	if err != nil {
		t.Fatal(err)
	}
	tag := l.reg.name(l.u) + "-llb:"
	output := "--output=type=image,rewrite-timestamp=true,source-date-epoch=1700000000,push=true,name=" + tag
	words := "from the client\n"
	src := t.TempDir()
	write(t, filepath.Join(src, "words"), words)
	script := "mkdir /tmp/src && printf '" + words + "' > /tmp/src/words && exec buildctl build --no-cache --local src=/tmp/src " + output + "theirs"
	l.u.kubectlIn("", definition, "exec", "-i", l.peer.pod, "--", "sh", "-c", script).ok()
	ours := l.u.kubectlIn(src, definition, "buildkit", "build", "--builder", l.peer.pod, "--no-cache", "--local", "src=.", output+"ours").ok()
	want := l.reg.digest(tag + "theirs")
	if got := l.reg.digest(tag + "ours"); got != want || got == "" || ours.line1() != tag+"ours@"+got {
		t.Errorf("buildctl pushed %q, kubectl buildkit %q and printed %q", want, got, ours.stdout)
	}
	l.u.env["KUBECONFIG"] = filepath.Join(l.u.home, "absent")
	l.u.kubectlIn(src, definition, "buildkit", "build").exits(2).says("--local", `"src"`)
	l.u.kubectlIn(src, []byte("FROM scratch\n"), "buildkit", "build").exits(2).says("invalid LLB definition", "name the build context")
	l.u.kubectlIn(src, nil, "buildkit", "build").exits(2).says("name the build context")
}
