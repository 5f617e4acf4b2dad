package pkg_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// writers lists what creates, replaces or removes files, by the package it belongs to. An empty list is the whole
// package.
func writers() map[string][]string {
	system := []string{
		"Chmod", "Chown", "Creat", "Fchmodat", "Fchownat", "Lchown", "Link", "Linkat", "Mkdir", "Mkdirat", "Mkfifo", "Mkfifoat", "Mknod", "Mknodat",
		"Open", "Openat", "Openat2", "Rename", "Renameat", "Renameat2", "Rmdir", "Symlink", "Symlinkat", "Truncate", "Unlink", "Unlinkat",
	}
	return map[string][]string{
		"os": {
			"Chmod", "Chown", "Chtimes", "CopyFS", "Create", "CreateTemp", "Lchown", "Link", "Mkdir", "MkdirAll", "MkdirTemp", "OpenFile",
			"Remove", "RemoveAll", "Rename", "Symlink", "Truncate", "WriteFile",
		},
		"syscall":                             system,
		"golang.org/x/sys/unix":               system,
		"github.com/containerd/continuity":    {"AtomicWriteFile"},
		"github.com/containerd/continuity/fs": {"CopyDir", "CopyFile"},
		"github.com/moby/sys/atomicwriter":    nil,
		"io/ioutil":                           nil,
	}
}

// aroundTheWriter are the places that are not results, with the reason of each.
func aroundTheWriter() map[string]string {
	return map[string]string{
		"proxy/socket.go os.Remove":               "removes the socket that this process listens at, or a stale one",
		"proxy/folder.go os.Mkdir":                "makes the directory of this user's sockets",
		"cmd/proxy.go os.MkdirTemp":               "makes the directory of one command's socket",
		"cmd/proxy.go os.Remove":                  "removes that directory",
		"registryauth/authority.go os.Link":       "stores a key of this client unless another process has",
		"registryauth/authority.go os.Rename":     "replaces a key that a crash has cut off",
		"registryauth/authority.go os.Remove":     "removes the name that it was linked from",
		"registryauth/authority.go os.CreateTemp": "holds that key until it is complete",
	}
}

// All that the commands leave on this machine is written by pkg/safefile, which knows devices, links, mounts, modes and
// full disks.
func TestOneWriter(t *testing.T) {
	allowed, used := aroundTheWriter(), map[string]bool{}
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "testdata" {
			return filepath.SkipDir
		}
		path = filepath.ToSlash(path)
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "safefile/write") {
			return nil
		}
		for _, call := range writesOf(t, path) {
			if _, ok := allowed[path+" "+call.name]; ok {
				used[path+" "+call.name] = true
				continue
			}
			t.Errorf("%s: %s goes around safefile.Target and safefile.Tree", call.at, call.name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for place := range allowed {
		if !used[place] {
			t.Errorf("%s is allowed, and not there any more", place)
		}
	}
}

type write struct {
	at   token.Position
	name string
}

// writesOf finds what the file uses of writers, under whatever name it imports it.
func writesOf(t *testing.T, path string) []write {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []write
	imported := map[string]string{}
	for _, spec := range file.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		functions, known := writers()[from]
		name := from[strings.LastIndex(from, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if known && (name == "." || functions == nil) {
			found = append(found, write{files.Position(spec.Pos()), "import " + from})
		}
		imported[name] = from
	}
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if of, ok := selector.X.(*ast.Ident); ok && of.Obj == nil && slices.Contains(writers()[imported[of.Name]], selector.Sel.Name) {
			found = append(found, write{files.Position(selector.Pos()), imported[of.Name] + "." + selector.Sel.Name})
		}
		return true
	})
	return found
}

// The test of the test: renamed imports and values are found as well as calls.
func TestWritesAreFound(t *testing.T) {
	var names []string
	for _, call := range writesOf(t, "testdata/writing/writes.go") {
		names = append(names, call.name)
	}
	want := []string{"import io/ioutil", "os.Create", "os.OpenFile", "os.Rename", "golang.org/x/sys/unix.Unlink", "github.com/containerd/continuity.AtomicWriteFile"}
	if !slices.Equal(names, want) {
		t.Errorf("got %q, want %q", names, want)
	}
}
