package pkg_test

import (
	"go/ast"
	"go/token"
	"slices"
	"testing"
)

// TestOneHTTPClient proves that every request which may carry a credential goes through the client
// of pkg/registryauth: no other code makes one, or uses those of net/http.
func TestOneHTTPClient(t *testing.T) {
	found := uses(t, names{
		"net/http":                                                {"Client", "DefaultClient", "DefaultTransport", "Transport", "Get", "Head", "Post", "PostForm"},
		"github.com/hashicorp/go-cleanhttp":                       {"DefaultClient", "DefaultPooledClient", "DefaultTransport", "DefaultPooledTransport"},
		"github.com/moby/buildkit/util/tracing":                   {"DefaultClient", "DefaultTransport", "NewTransport"},
		"github.com/hashicorp/go-retryablehttp":                   {"NewClient"},
		"github.com/containerd/containerd/v2/core/remotes/docker": {"NewResolver", "NewDockerAuthorizer"},
		"github.com/aws/aws-sdk-go-v2/config":                     {"LoadDefaultConfig"},
	})
	found = slices.DeleteFunc(found, func(u use) bool {
		if len(u.parents) == 0 {
			return false
		}
		_, isPointer := u.parents[len(u.parents)-1].(*ast.StarExpr)
		return isPointer // a type in a signature or a field makes nothing
	})
	refuse(t, found, allowed{
		"registryauth/http_client.go": "the one client",
		"awskeys/awskeys.go":          "AWS's own SDK asks AWS's own servers",
		"tunnel/upgrade.go":           "a transport for client-go's own credentials, to the API server of the kubeconfig alone",
	}, "use the client of pkg/registryauth")
}

// TestOneHome proves that paths below the home directory come from pkg/home: a home that is not
// known must not become the working directory.
func TestOneHome(t *testing.T) {
	found := uses(t, names{"os": {"UserHomeDir", "UserConfigDir", "UserCacheDir"}, "os/user": {"Current", "Lookup", "LookupId"}})
	everyFile(t, func(name string, file *ast.File, files *token.FileSet) {
		inspect(file, func(node ast.Node, declaration string, _ []ast.Node) {
			if text, ok := node.(*ast.BasicLit); ok && (text.Value == `"HOME"` || text.Value == `"USERPROFILE"`) {
				found = append(found, use{file: name, declaration: declaration, name: text.Value, position: files.Position(text.Pos()).String()})
			}
		})
	})
	refuse(t, found, allowed{
		"home/home.go":               "the one place",
		"buildcontext/shared_key.go": "part of a name, and no path",
	}, "use pkg/home")
}
