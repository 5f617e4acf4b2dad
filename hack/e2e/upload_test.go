package e2e_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/hack/link"
)

// slowly gives the user a link that counts, with a delay and a rate like those of a home office.
func (u *user) slowly() *link.Link {
	u.t.Helper()
	cluster, err := link.ReadCluster(u.t.Context(), u.env["KUBECONFIG"])
	if err != nil {
		u.t.Fatal(err)
	}
	slow, err := link.Listen(cluster.Server, link.Shape{RoundTrip: 80 * time.Millisecond, Rate: 50e6})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() { slow.Close() })
	config, err := cluster.Through(slow.Address())
	if err != nil {
		u.t.Fatal(err)
	}
	u.env["KUBECONFIG"] = filepath.Join(u.home, "slow")
	write(u.t, u.env["KUBECONFIG"], string(config))
	return slow
}

// sourceLike makes a build context of text with one file a kind of program: 40 files, 4 MB.
func sourceLike(t *testing.T) (dir string, bytes int64) {
	t.Helper()
	dir = dockerfile(t, "FROM scratch", "COPY . /")
	for i := range 40 {
		var text strings.Builder
		for line := range 2500 {
			fmt.Fprintf(&text, "func f%d(x int) int { return x * %d }\n", line, line*i)
		}
		write(t, filepath.Join(dir, fmt.Sprintf("f%d.go", i)), text.String())
		bytes += int64(text.Len())
	}
	return dir, bytes
}

// keepsCopy runs builds that find the daemon's copy of their directory, and so send little, until one does. One of two
// must: the daemon measures what its copies take one second after its start and then at most once a minute, and to a
// build that begins in that moment it gives an empty directory instead of the copy (moby/buildkit#883).
func keepsCopy(build func() bool) bool {
	kept := build()
	return kept || build()
}

// The context travels compressed where that is faster, or never; the second time only what changed travels; and the
// display says what it is like.
func TestUploadOverSlowLink(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	slow := u.slowly()
	build := func(dir string, flags ...string) (call, int64) {
		before := slow.Counts().Up
		built := u.buildkit(append([]string{"build", "-o", "type=cacheonly", "--progress", "plain", dir}, flags...)...).ok()
		return built, slow.Counts().Up - before
	}
	dir, bytes := sourceLike(t)
	first, sent := build(dir)
	if first.says("transferring context", "on the wire: ", "sent per second: ", "compressing has saved "); sent > bytes/2 {
		t.Errorf("%d bytes were sent of %d: not compressed", sent, bytes)
	}
	if !keepsCopy(func() bool {
		write(t, filepath.Join(dir, "f7.go"), "package "+strings.ToLower(rand.Text())+"\n")
		_, sent = build(dir)
		return sent <= 100_000
	}) {
		t.Errorf("%d bytes were sent for one changed file", sent)
	}
	plain, bytes := sourceLike(t)
	if _, sent := build(plain, "--compress", "never"); sent < bytes {
		t.Errorf("%d bytes were sent of %d in spite of --compress never", sent, bytes)
	}
	noise := dockerfile(t, "FROM scratch", "COPY . /")
	random := make([]byte, 4<<20)
	_, _ = rand.Read(random)
	write(t, filepath.Join(noise, "random"), string(random))
	if _, sent := build(noise); sent < 4<<20 || sent > 4<<20*105/100 {
		t.Errorf("%d bytes were sent for 4 MiB of noise", sent)
	}
}

// A large context is named by its largest paths, and a .dockerignore with their lines keeps them here.
func TestLargeContext(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.builder()
	dir := dockerfile(t, "FROM scratch", "COPY . /")
	large := make([]byte, 3<<20)
	for _, path := range []string{"node_modules/pkg/a.js", "node_modules/other/b.js", "data/video.mp4"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		_, _ = rand.Read(large)
		write(t, filepath.Join(dir, path), string(large))
	}
	args := []string{"build", "-o", "type=cacheonly", "--context-warning", "1m", "--progress"}
	u.buildkit(append(args, "plain", dir)...).ok().says("9.4MB were sent of \""+dir+"\"", ".dockerignore", "6.3MB  node_modules\n", "3.1MB  data/video.mp4\n")
	if !keepsCopy(func() bool {
		return !strings.Contains(u.buildkit(append(args, "plain", dir)...).ok().stderr, "were sent")
	}) {
		t.Error("an unchanged directory is sent again by every build")
	}
	write(t, filepath.Join(dir, ".dockerignore"), "node_modules\ndata/video.mp4\n")
	other := t.TempDir()
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	u.buildkit(append(args, "plain", other)...).ok().neverSays("were sent")
}
