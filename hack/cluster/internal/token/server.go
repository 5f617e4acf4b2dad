package token

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

// Config is the server's configuration file, in JSON.
type Config struct {
	Address     string // where it listens
	Certificate string // for TLS, and to sign tokens with
	Key         string
	Issuer      string
	Service     string
	Users       map[string]User
	Registry    string // unix socket of the registry behind
}

// Serve reads the configuration and serves tokens, with the registry behind them, until ctx ends. Both have one address
// since some clients refuse to send credentials to another private address than the registry's.
func Serve(ctx context.Context, configFile string) error {
	data, err := os.ReadFile(configFile)
	if err != nil {
		return fmt.Errorf("reading configuration: %w", err)
	}
	var config Config
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("reading configuration %q: %w", configFile, err)
	}
	pair, err := tls.LoadX509KeyPair(config.Certificate, config.Key)
	if err != nil {
		return fmt.Errorf("reading certificate: %w", err)
	}
	server := &http.Server{
		Addr:              config.Address,
		Handler:           newHandler(config, pair),
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
	}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	if err := server.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving tokens: %w", err)
	}
	return nil
}

type handler struct {
	users  map[string]User
	signer signer

	mutex   sync.Mutex
	refresh map[string]string // refresh token → user
}

func newHandler(config Config, pair tls.Certificate) http.Handler {
	h := &handler{
		users:   config.Users,
		signer:  signer{pair: pair, issuer: config.Issuer, service: config.Service},
		refresh: make(map[string]string),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /token", h.get)
	mux.HandleFunc("POST /token", h.post)
	mux.Handle("/v2/", newProxy(config.Registry))
	return mux
}

// newProxy passes requests to the registry. Every copy is flushed at once: a client may wait for a part of a blob.
func newProxy(socket string) http.Handler {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(request *httputil.ProxyRequest) {
			request.SetURL(&url.URL{Scheme: "http", Host: "registry"})
			request.Out.Host = request.In.Host
		},
		Transport:     &http.Transport{DialContext: dial, MaxIdleConnsPerHost: 16, DisableCompression: true},
		FlushInterval: -1,
	}
}

// get answers the older form: credentials in the header. Without credentials it gives a token that grants nothing, as
// public registries do, so that the refusal comes from the registry.
func (h *handler) get(response http.ResponseWriter, request *http.Request) {
	user, password, given := request.BasicAuth()
	if given && !h.known(user, password) {
		refuse(response)
		return
	}
	query := request.URL.Query()
	h.answer(response, user, query["scope"], given && query.Get("offline_token") == "true")
}

// post answers the OAuth 2 form: credentials or a refresh token in the body.
func (h *handler) post(response http.ResponseWriter, request *http.Request) {
	if err := request.ParseForm(); err != nil {
		http.Error(response, err.Error(), http.StatusBadRequest)
		return
	}
	form := request.PostForm
	user := form.Get("username")
	switch form.Get("grant_type") {
	case "password":
		if !h.known(user, form.Get("password")) {
			refuse(response)
			return
		}
	case "refresh_token":
		h.mutex.Lock()
		user = h.refresh[form.Get("refresh_token")]
		h.mutex.Unlock()
		if user == "" {
			refuse(response)
			return
		}
	default:
		http.Error(response, "unknown grant_type", http.StatusBadRequest)
		return
	}
	h.answer(response, user, form["scope"], form.Get("access_type") == "offline")
}

func (h *handler) known(user, password string) bool {
	known, found := h.users[user]
	return found && subtle.ConstantTimeCompare([]byte(known.Password), []byte(password)) == 1
}

func (h *handler) answer(response http.ResponseWriter, user string, scopes []string, offline bool) {
	now := time.Now()
	access := grant(parseScopes(scopes), h.users[user].Actions)
	signed, err := h.signer.sign(user, access, now)
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := map[string]any{
		"token": signed, "access_token": signed, // one name per form of the protocol
		"expires_in": int(Lifetime.Seconds()), "issued_at": now.UTC().Format(time.RFC3339),
	}
	if offline {
		refresh := rand.Text()
		h.mutex.Lock()
		h.refresh[refresh] = user
		h.mutex.Unlock()
		answer["refresh_token"] = refresh
	}
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(answer) // the client may have gone
}

func refuse(response http.ResponseWriter) {
	response.Header().Set("Content-Type", "application/json")
	response.Header().Set("WWW-Authenticate", `Basic realm="tokens"`)
	response.WriteHeader(http.StatusUnauthorized)
	_, _ = response.Write([]byte(`{"errors":[{"code":"UNAUTHORIZED","message":"incorrect username or password"}]}`))
}
