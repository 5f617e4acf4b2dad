package registryauth

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fake is a registry for the user "u" with the password of this package's tests, or with the
// identity token "id", and for the user "reader" with the same password, who may not push.
type fake struct {
	*httptest.Server
	ca []byte
	// connections are all that were opened.
	connections atomic.Int32

	mu          sync.Mutex
	missing     []string         // repositories that do not exist
	withoutPost int              // the status with which the token server answers to POST; 0 if it knows POST
	post        http.HandlerFunc // answers POST in place of the token server; may be nil
	oneScope    int              // the status with which it answers to two scopes
	requests    []string         // METHOD PATH, and "token METHOD SCOPES USER"
}

func (f *fake) log(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, fmt.Sprintf(format, args...))
}

// asked are the requests that begin so.
func (f *fake) asked(prefix string) (found []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, request := range f.requests {
		if strings.HasPrefix(request, prefix) {
			found = append(found, request)
		}
	}
	return found
}

func (f *fake) token(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	scopes := r.URL.Query()["scope"]
	if r.Method == http.MethodPost {
		user, password = r.PostFormValue("username"), r.PostFormValue("password")
		scopes = strings.Fields(r.PostFormValue("scope"))
		if token := r.PostFormValue("refresh_token"); token == "id" || token == secret {
			user, password = "u", secret
		}
	}
	f.log("token %s %s %s", r.Method, strings.Join(scopes, " "), user)
	reply := map[string]any{"token": "unknown", "access_token": "unknown", "expires_in": 300}
	switch {
	case r.Method == http.MethodPost && f.post != nil:
		f.post(w, r)
		return
	case r.Method == http.MethodPost && f.withoutPost != 0:
		http.Error(w, `{"error":"invalid_request"}`, f.withoutPost)
		return
	case f.oneScope != 0 && len(scopes) > 1:
		http.Error(w, `{"errors":[{"code":"DENIED"}]}`, f.oneScope)
		return
	case user != "" || password != "":
		if user != "u" && user != "reader" || password != secret {
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"no: `+password+`"}]}`, http.StatusUnauthorized)
			return
		}
		reply["token"], reply["access_token"] = user, user
		if r.PostFormValue("access_type") == "offline" || r.FormValue("offline_token") == "true" {
			reply["refresh_token"] = "id"
		}
	}
	_ = json.NewEncoder(w).Encode(reply)
}

// newFake makes a registry that wants "Basic" or "Bearer", or lets in everybody who comes if scheme
// is "". With answer it says something else about uploads.
func newFake(t *testing.T, scheme string, plain bool, answer http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", f.token)
	mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if password == secret {
			bearer = user
		}
		f.log("%s %s", r.Method, r.URL.Path)
		upload := r.Method != http.MethodGet
		allowed := scheme == "" || bearer == "u" || bearer == "reader" && !upload || bearer == "ready"
		if !allowed {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`%s realm="%s/token",service="fake"`, scheme, f.URL))
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		path, isTags := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/v2/"), "/tags/list")
		switch {
		case upload && answer != nil:
			answer(w, r)
		case upload:
			http.Error(w, `{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}`, http.StatusNotFound)
		case isTags && slices.Contains(f.missing, path):
			http.Error(w, `{"errors":[{"code":"NAME_UNKNOWN"}]}`, http.StatusNotFound)
		}
	})
	f.Server = httptest.NewUnstartedServer(mux)
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			f.connections.Add(1)
		}
	}
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	if plain {
		f.Start()
	} else {
		f.StartTLS()
		f.ca = pemOf(f.Server)
	}
	t.Cleanup(f.Close)
	return f
}

func pemOf(s *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}
