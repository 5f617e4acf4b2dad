package cmd

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// otherServer is what may answer at the address of a kubeconfig in place of a cluster's API.
type otherServer struct {
	path   string // of the address
	answer http.HandlerFunc
	user   map[string]any
	code   int
	says   string
}

func otherServers() map[string]otherServer {
	page := func(code int, kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			_, _ = w.Write([]byte(text))
		}
	}
	login := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" {
			http.Redirect(w, r, "/login", http.StatusMovedPermanently)
			return
		}
		page(200, "text/html", "<html>")(w, r)
	}
	program := func(command string, args ...string) map[string]any {
		return map[string]any{"exec": map[string]any{
			"apiVersion": "client.authentication.k8s.io/v1", "command": command, "args": args, "interactiveMode": "Never",
		}}
	}
	const foreign, unprepared = "does not answer as the API of a cluster does: ", "getting credentials for cluster "
	return map[string]otherServer{
		"an API server below another path": {"/some/path", page(404, "application/json", `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404,"message":"the server could not find the requested resource"}`),
			nil, explain.CodeNoBuilder, foreign + "404 Not Found for every path below /some/path/"},
		"a web server":                  {"/some/path", page(404, "text/plain; charset=utf-8", "404 page not found\n"), nil, explain.CodeNoBuilder, foreign + "404 Not Found, text/plain"},
		"a web server with pages":       {"", page(404, "text/html", "<html>"), nil, explain.CodeNoBuilder, foreign + "404 Not Found, text/html"},
		"a login page":                  {"", page(200, "text/html", "<html>"), nil, explain.CodeNoBuilder, foreign + "200 OK, text/html"},
		"a redirection to a login page": {"", login, nil, explain.CodeNoBuilder, foreign + "200 OK, text/html"},
		"nothing":                       {"", page(204, "", ""), nil, explain.CodeNoBuilder, foreign + "204 No Content"},
		"a firewall":                    {"", page(403, "text/html", "<html>"), nil, explain.CodeNoBuilder, foreign + "403 Forbidden, text/html"},
		"another method":                {"", page(405, "text/plain", "no"), nil, explain.CodeNoBuilder, foreign + "405 Method Not Allowed, text/plain"},
		"TLS is missing":                {"", page(400, "text/plain", "Client sent an HTTP request to an HTTPS server.\n"), nil, explain.CodeNoBuilder, foreign + "400 Bad Request, text/plain"},
		"a login that is missing":       {"", page(401, "text/html", "<html>"), nil, explain.CodeDenied, "does not accept these credentials"},
		"a program that prints a page":  {"", page(200, "text/html", "<html>"), program("echo", "<html>"), explain.CodeDenied, unprepared},
		"a program that prints nothing": {"", page(200, "text/html", "<html>"), program("true"), explain.CodeDenied, unprepared},
		"a program that fails":          {"", page(200, "text/html", "<html>"), program("false"), explain.CodeDenied, unprepared},
		"a program that is missing":     {"", page(200, "text/html", "<html>"), program("no-such-program"), explain.CodeDenied, unprepared},
	}
}

// Whatever answers at the address of the cluster, every command reports what is wrong and what to
// do. A page is not taken for the answer that an object does not exist.
func TestOtherServersInPlaceOfTheCluster(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, other := range otherServers() {
		server := httptest.NewTLSServer(other.answer)
		t.Cleanup(server.Close)
		authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		config, err := json.Marshal(map[string]any{
			"apiVersion": "v1", "kind": "Config", "current-context": "a",
			"contexts": []any{map[string]any{"name": "a", "context": map[string]any{"cluster": "a", "user": "a"}}},
			"clusters": []any{map[string]any{"name": "a", "cluster": map[string]any{"server": server.URL + other.path, "certificate-authority-data": authority}}},
			"users":    []any{map[string]any{"name": "a", "user": other.user}},
		})
		if err != nil {
			t.Fatal(err)
		}
		kubeconfig := filepath.Join(t.TempDir(), "config")
		if err := os.WriteFile(kubeconfig, config, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range [][]string{{"build", dir}, {"list"}, {"install"}, {"info"}, {"uninstall"}, {"logs"}, {"du"}} {
			_, stderr, code := call(t, append(command, "--kubeconfig", kubeconfig)...)
			if code != other.code || !strings.Contains(stderr, other.says) || !strings.Contains(stderr, "\nnext: ") || strings.Contains(stderr, "unmarshal") {
				t.Errorf("%s, %s: exit %d, %q", name, command[0], code, stderr)
			}
		}
	}
}
