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

// TestOneHTTPClient proves that every request which may carry a credential goes through the client of pkg/registryauth:
// no other code makes one, or uses those of net/http. So does TestOneHome of the home directory.
func TestOneHTTPClient(t *testing.T) {
	allowed := map[string]string{
		"registryauth/client.go": "the one client",
		"awskeys/awskeys.go":     "AWS's own SDK asks AWS's own servers",
		"tunnel/upgrade.go":      "a transport for client-go's own credentials, to the API server of the kubeconfig alone",
	}
	forbidden := []string{
		"Client", "DefaultClient", "DefaultTransport", "Transport", "Get", "Head", "Post", "PostForm",
	}
	refuseSelectors(t, allowed, map[string][]string{
		"net/http":                                                forbidden,
		"github.com/hashicorp/go-cleanhttp":                       {"DefaultClient", "DefaultPooledClient", "DefaultTransport", "DefaultPooledTransport"},
		"github.com/moby/buildkit/util/tracing":                   {"DefaultClient", "DefaultTransport", "NewTransport"},
		"github.com/hashicorp/go-retryablehttp":                   {"NewClient"},
		"github.com/containerd/containerd/v2/core/remotes/docker": {"NewResolver", "NewDockerAuthorizer"},
		"github.com/aws/aws-sdk-go-v2/config":                     {"LoadDefaultConfig"},
	}, func(parent ast.Node) bool {
		_, pointer := parent.(*ast.StarExpr) // a type in a signature or a field makes nothing
		return pointer
	})
}

// TestOneHome proves that paths below the home directory come from pkg/home: a home that is not known must not become
// the working directory.
func TestOneHome(t *testing.T) {
	allowed := map[string]string{
		"home/home.go":              "the one place",
		"buildcontext/sharedkey.go": "part of a name, and no path",
	}
	refuseSelectors(t, allowed, map[string][]string{"os": {"UserHomeDir", "UserConfigDir", "UserCacheDir"}, "os/user": {"Current", "Lookup", "LookupId"}}, nil)
	everyFile(t, func(name string, file *ast.File) {
		if allowed[name] != "" {
			return
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := n.(*ast.BasicLit); ok && (text.Value == `"HOME"` || text.Value == `"USERPROFILE"`) {
				t.Errorf("pkg/%s reads %s: use pkg/home", name, text.Value)
			}
			return true
		})
	})
}

// refuseSelectors fails where a file uses these names of these packages, by whatever name it imports them.
func refuseSelectors(t *testing.T, allowed map[string]string, forbidden map[string][]string, harmless func(parent ast.Node) bool) {
	t.Helper()
	used := map[string]bool{}
	everyFile(t, func(name string, file *ast.File) {
		local := importsOf(t, name, file, forbidden)
		var parents []ast.Node
		ast.Inspect(file, func(n ast.Node) bool {
			if n == nil {
				parents = parents[:len(parents)-1]
				return true
			}
			selector, ok := n.(*ast.SelectorExpr)
			if base, isName := baseOf(selector, ok); isName && slices.Contains(forbidden[local[base]], selector.Sel.Name) {
				switch {
				case harmless != nil && harmless(parents[len(parents)-1]):
				case allowed[name] != "":
					used[name] = true
				default:
					t.Errorf("pkg/%s uses %s.%s", name, base, selector.Sel.Name)
				}
			}
			parents = append(parents, n)
			return true
		})
	})
	for name := range allowed {
		if !used[name] {
			t.Errorf("pkg/%s needs no exception any more", name)
		}
	}
}

func baseOf(selector *ast.SelectorExpr, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	name, isName := selector.X.(*ast.Ident)
	if !isName {
		return "", false
	}
	return name.Name, true
}

// importsOf is the import path of each name that the file has for one of the packages.
func importsOf(t *testing.T, name string, file *ast.File, packages map[string][]string) map[string]string {
	t.Helper()
	local := map[string]string{}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if packages[path] == nil {
			continue
		}
		as := path[strings.LastIndexByte(path, '/')+1:]
		if spec.Name != nil {
			as = spec.Name.Name
		}
		if as == "." {
			t.Errorf("pkg/%s imports the names of %s", name, path)
		}
		local[as] = path
	}
	return local
}

func everyFile(t *testing.T, look func(name string, file *ast.File)) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		look(filepath.ToSlash(path), file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
