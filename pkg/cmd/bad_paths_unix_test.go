//go:build unix

package cmd

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// use is what a command does with a path of the user.
type use int

const (
	readsFile use = iota
	readsDirectory
	writesFile
	writesDirectory
)

// pathFlag is a place of the command line for a path, which stands for %s.
type pathFlag struct {
	use  use
	args string
}

// pathFlags are all of them but kubectl's own, whose files client-go reads.
func pathFlags() []pathFlag {
	return []pathFlag{
		{readsDirectory, "build %s"},
		{readsFile, "build --file %s ."},
		{writesDirectory, "build --output %s ."},
		{writesDirectory, "build --output type=local,dest=%s ."},
		{writesDirectory, "build --output type=oci,tar=false,dest=%s ."},
		{writesFile, "build --output type=oci,dest=%s ."},
		{writesFile, "build --output type=tar,dest=%s ."},
		{writesFile, "build --output type=docker,dest=%s ."},
		{writesFile, "build --metadata-file %s ."},
		{writesFile, "build --iidfile %s ."},
		{writesFile, "build --report %s ."},
		{writesFile, "build --ref-file %s ."},
		{writesFile, "build --trace %s ."},
		{readsDirectory, "build --build-context a=%s ."},
		{readsDirectory, "build --build-context a=oci-layout://%s ."},
		{readsFile, "build --secret id=a,src=%s ."},
		{readsFile, "build --ssh default=%s ."},
		{readsFile, "build --policy filename=%s ."},
		{readsFile, "build --source-policy-file %s ."},
		{readsFile, "build --registry-auth-tlscontext host=a,ca=%s ."},
		{readsFile, "build --registry-auth-tlscontext host=a,cert=%[1]s,key=%[1]s ."},
		{writesDirectory, "build --cache-to type=local,dest=%s ."},
		{writesDirectory, "build --export-cache type=local,dest=%s ."},
		{readsDirectory, "build --frontend dockerfile.v0 --local context=%s --local dockerfile=."},
		{readsDirectory, "build --frontend dockerfile.v0 --local context=. --local dockerfile=%s"},
		{readsDirectory, "build --frontend dockerfile.v0 --local context=. --local dockerfile=. --oci-layout a=%s"},
		{readsFile, "install --config %s"},
		{readsFile, "install --registry-ca %s"},
		{readsFile, "install --affinity %s"},
		{readsFile, "install --patch %s"},
		{readsFile, "login --username a --password-stdin --registry-ca %s localhost:1"},
		{writesFile, "history export --output %s"},
		{writesFile, "history stats --report %s"},
		{writesFile, "history report --output %s"},
		{readsFile, "history report --trace %s"},
	}
}

// badPaths are paths that no use accepts, and those that one does not.
func badPaths(of pathFlag) []string {
	paths := []string{"loop", "loop/x", "many/39/x", strings.Repeat("long", 100), "file/x"}
	if os.Geteuid() != 0 { // root may enter any directory
		paths = append(paths, "closed/x")
	}
	switch of.use {
	case readsFile:
		paths = append(paths, "directory", "missing", "missing/x", "dangling")
		if !strings.Contains(of.args, "--ssh") { // an agent
			paths = append(paths, "socket")
		}
	case readsDirectory:
		paths = append(paths, "file", "pipe", "socket", "missing", "missing/x", "dangling")
	case writesFile:
		paths = append(paths, "directory", "directory/", "socket")
	case writesDirectory:
		paths = append(paths, "file", "pipe", "socket")
	}
	return paths
}

// pathFixtures fills the working directory.
func pathFixtures(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	var errs []error
	for name, text := range map[string]string{"file": "text", "Dockerfile": "FROM scratch\nCOPY file /\n", "config": `apiVersion: v1
kind: Config
current-context: a
contexts: [{name: a, context: {cluster: a}}]
clusters: [{name: a, cluster: {server: "https://127.0.0.1:1"}}]
`} {
		errs = append(errs, os.WriteFile(name, []byte(text), 0o600))
	}
	errs = append(errs, os.Mkdir("directory", 0o700), os.Mkdir("many", 0o700), os.Mkdir("closed", 0o700), os.Mkdir("many/end", 0o700),
		os.Symlink("loop", "loop"), os.Symlink("nothing", "dangling"), syscall.Mkfifo("pipe", 0o600), os.Chmod("closed", 0))
	t.Cleanup(func() { _ = os.Chmod("closed", 0o700) })
	target := "end"
	for i := range 300 { // more than a system follows
		errs = append(errs, os.Symlink(target, fmt.Sprintf("many/%d", i)))
		target = fmt.Sprint(i)
	}
	errs = append(errs, os.Remove("many/39"), os.Symlink("299", "many/39"))
	socket, err := net.Listen("unix", "socket")
	if errs = append(errs, err); err == nil {
		t.Cleanup(func() { _ = socket.Close() })
	}
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("KUBECONFIG", "config")
	t.Setenv("SSH_AUTH_SOCK", "")
}

// A path that cannot be used is reported with its place on the command line, the reason and a next
// step, before any connection, and nothing is left behind.
func TestPathsThatCannotBeUsed(t *testing.T) {
	pathFixtures(t)
	before := tree(t)
	for _, flag := range pathFlags() {
		for _, path := range badPaths(flag) {
			args := strings.Fields(fmt.Sprintf(flag.args, path))
			stdout, stderr, code := call(t, args...)
			if code != explain.CodeUsage || stdout != "" || !strings.Contains(stderr, path) || !strings.Contains(stderr, "\nnext: ") {
				t.Errorf("%q: exit %d, %q, %q", args, code, stdout, stderr)
			}
			if found := regexp.MustCompile(`EvalSymlinks|\b(l?stat|open|read|bind) [/".]|failed to`).FindString(stderr); found != "" {
				t.Errorf("%q has words of Go: %q", args, stderr)
			}
			if after := tree(t); !slices.Equal(before, after) {
				t.Fatalf("%q left %v", args, after)
			}
		}
	}
}

// tree lists the working directory.
func tree(t *testing.T) (entries []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if path == "closed" {
			return filepath.SkipDir
		}
		entries = append(entries, path+" "+entry.Type().String())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// No flag for a path is missing in the table.
func TestPathFlagsAreComplete(t *testing.T) {
	named := regexp.MustCompile(`(?i)\b(files?|directory|dir|pem|socket|layout)\b`)
	exempt := []string{
		"build build-arg", "build context-warning", "build no-cache-filter", // they speak of a file, and take none
		"build cache-from", "build import-cache", // a missing cache is reported, and the build goes on
		"proxy listen", // checked once the builder has answered, by proxy.Listen
	}
	everyCommand(newTestRoot(), func(c *cobra.Command) {
		c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if !c.HasParent() {
				return // kubectl's own
			}
			command := strings.TrimPrefix(c.CommandPath(), "kubectl buildkit ")
			in := slices.ContainsFunc(pathFlags(), func(p pathFlag) bool {
				return strings.HasPrefix(p.args, command+" ") && strings.Contains(p.args, "--"+f.Name+" ")
			})
			if named.MatchString(f.Usage) && strings.HasPrefix(f.Value.Type(), "string") && !in && !slices.Contains(exempt, command+" "+f.Name) {
				t.Errorf("%s --%s: %s", command, f.Name, f.Usage)
			}
		})
	})
}
