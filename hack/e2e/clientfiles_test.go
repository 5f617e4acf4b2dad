package e2e_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// What a daemon cannot see by size and time reaches the image: other content, another mode of a directory, and another
// directory under the same name.
func TestChangesThatTimesDoNotShow(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	dir, out := dockerfile(t, "FROM scratch", "COPY . /"), t.TempDir()
	build := func(name string, args ...string) string {
		t.Helper()
		into := filepath.Join(out, name)
		u.buildkit(append([]string{"build", "-q", "-o", into}, args...)...).ok()
		return into
	}
	version := func(path, text string) {
		t.Helper()
		write(t, path, text)
		if err := os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(path, want string) {
		t.Helper()
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s holds %q, want %q (%v)", path, got, want, err)
		}
	}
	version(filepath.Join(dir, "version"), "AAAA")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sub", "file"), "text")
	holds(filepath.Join(build("one", dir), "version"), "AAAA")
	version(filepath.Join(dir, "version"), "BBBB")
	holds(filepath.Join(build("two", dir), "version"), "BBBB")
	version(filepath.Join(dir, "version"), "CCCC")
	holds(filepath.Join(build("three", "--no-cache", dir), "version"), "CCCC")
	if err := os.Chmod(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(build("four", dir), "sub")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has %v (%v)", info, err)
	}
	named := dockerfile(t, "FROM scratch", "COPY --from=n version /")
	for _, text := range []string{"DDDD", "EEEE"} {
		other := t.TempDir()
		version(filepath.Join(other, "version"), text)
		holds(filepath.Join(build(text, "--frontend", "dockerfile.v0", "--local", "context="+named, "--local", "dockerfile="+named,
			"--local", "n="+other, "--opt", "context:n=local:n"), "version"), text)
	}
}

// A file that cannot be read ends the build, and is named. Another user's is compareUnreadable's.
func TestReadErrorEndsTheBuild(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	broken, err := filepath.EvalSymlinks("/sys/class/net/lo") // its speed opens, and gives an error when it is read
	if err != nil {
		t.Fatal(err)
	}
	dir := dockerfile(t, "FROM scratch", "COPY --from=n speed /")
	u.buildkit("build", "--build-context", "n="+broken, "-o", "type=cacheonly", dir).exits(1).says(`reading "speed"`, "invalid argument", ".dockerignore")
	u.buildkit("build", "-f", filepath.Join(broken, "speed"), "-o", "type=cacheonly", dir).exits(2).says("speed", "invalid argument")
}
