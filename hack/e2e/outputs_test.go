package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// compareOutputs has both clients write files, in every form there is, and looks for the same ones. DEST is where.
func (l *laboratory) compareOutputs(t *testing.T) {
	l = l.in(t)
	context := dockerfile(t, "FROM scratch AS one", "COPY Dockerfile sub/", "FROM MULTI", "COPY Dockerfile /etc/")
	text := strings.ReplaceAll(read(t, filepath.Join(context, "Dockerfile")), "MULTI", l.variables["MULTI"])
	write(t, filepath.Join(context, "Dockerfile"), text)
	for name, flags := range map[string]string{
		"directory":          "-o DEST --target one",
		"local":              "--output type=local,dest=DEST --target one",
		"two platforms":      "-o type=local,dest=DEST --platform linux/amd64,linux/386 --target one",
		"platforms together": "-o type=local,dest=DEST,platform-split=false --platform linux/amd64 --target one",
		"standard output":    "-o - --target one",
		"tar to stdout":      "-o type=tar --target one",
		"tar":                "-o type=tar,dest=DEST/x.tar --target one",
		"oci":                "-o type=oci,dest=DEST/x.tar,rewrite-timestamp=true -t team/app:1",
		"oci to stdout":      "-o type=oci,rewrite-timestamp=true",
		"oci directory":      "-o type=oci,tar=false,dest=DEST,rewrite-timestamp=true",
		"oci platforms":      "-o type=oci,dest=DEST/x.tar,rewrite-timestamp=true --platform linux/amd64,linux/386",
		"docker":             "-o type=docker,dest=DEST/x.tar,rewrite-timestamp=true -t team/app:1",
		"several":            "-o DEST/a -o type=tar,dest=DEST/b.tar -o type=cacheonly --target one",
		"quoted":             `-o type=local,"dest=DEST/a,b" --target one`,
		"none":               "-o type=cacheonly --iidfile DEST/id",
	} {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			where := t.TempDir()
			arguments := func(who string) []string {
				dest := filepath.Join(where, who)
				if err := os.Mkdir(dest, 0o755); err != nil {
					t.Fatal(err)
				}
				return append(strings.Fields(strings.ReplaceAll(flags, "DEST", dest)), context)
			}
			peer := exec.Command(l.peer.program, append([]string{"build", "--builder", "peer"}, arguments("theirs")...)...)
			peer.Env = l.u.environ()
			printed, err := peer.Output()
			if err != nil {
				t.Fatalf("docker buildx %s: %v", flags, err)
			}
			ours := l.u.buildkit(append([]string{"build", "--builder", l.peer.pod}, arguments("ours")...)...).ok()
			want, got := treeOf(t, filepath.Join(where, "theirs")), treeOf(t, filepath.Join(where, "ours"))
			if len(printed) > 0 {
				addArchive(t, "stdout", string(printed), want)
				addArchive(t, "stdout", ours.stdout, got)
			}
			if len(want) == 0 {
				t.Error("docker buildx wrote nothing")
			}
			for _, file := range slices.Sorted(maps.Keys(merge(got, want))) {
				if got[file] != want[file] {
					t.Errorf("%s is %q, from docker buildx %q", file, got[file], want[file])
				}
			}
		})
	}
}

// treeOf has a sum for each file below a directory, and for each file in its archives.
func treeOf(t *testing.T, directory string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := fs.WalkDir(os.DirFS(directory), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil || entry.IsDir():
			return err
		case filepath.Ext(name) == ".tar":
			addArchive(t, name, read(t, filepath.Join(directory, name)), found)
		case filepath.Base(name) == "index.json.lock", filepath.Base(name) == "ingest":
		default:
			found[name] = fmt.Sprintf("%x", sha256.Sum256([]byte(read(t, filepath.Join(directory, name)))))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func addArchive(t *testing.T, name, text string, into map[string]string) {
	t.Helper()
	files, err := contentsOf(strings.NewReader(text))
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	for file, sum := range files {
		into[name+"/"+file] = sum
	}
}

// compareQuestions asks both clients about Dockerfiles: the answers on standard output and whether they fail are the same.
func (l *laboratory) compareQuestions(t *testing.T) {
	l = l.in(t)
	good := dockerfile(t, "# the base", "ARG FIRST=BASE", "FROM ${FIRST} AS first", "ARG WHO", "FROM first AS second", "RUN --mount=type=secret,id=token true")
	sloppy := dockerfile(t, "from BASE as Build", "MAINTAINER jane", "RUN echo", "FROM BASE", "COPY --from=Build /etc/passwd /x")
	broken := dockerfile(t, "FROM BASE", "NOPE")
	for context, of := range map[string]string{good: "good", sloppy: "sloppy", broken: "broken"} {
		for _, call := range []string{"check", "check,format=json", "outline", "outline,format=json", "targets", "targets,format=json", "check,ignorestatus=true"} {
			t.Run(of+" "+call, func(t *testing.T) {
				l := l.in(t)
				peer := exec.Command(l.peer.program, "build", "--builder", "peer", "--call="+call, context)
				peer.Env = l.u.environ()
				printed, err := peer.Output()
				ours := l.u.buildkit("build", "--builder", l.peer.pod, "--call="+call, context)
				if (err == nil) != (ours.code == 0) || answered(t, call, string(printed)) != answered(t, call, ours.stdout) {
					t.Errorf("docker buildx: %v\n%s\n%s", err, printed, ours.all())
				}
			})
		}
	}
}

// answered leaves out of JSON how the Dockerfile came to the builder, which has a random name.
func answered(t *testing.T, call, text string) string {
	t.Helper()
	if !strings.HasSuffix(call, "json") || text == "" {
		return text
	}
	values := map[string]string{}
	flatten(t, "", text, values)
	maps.DeleteFunc(values, func(path, _ string) bool { return strings.Contains(path, "/definition/") })
	return fmt.Sprint(values)
}
