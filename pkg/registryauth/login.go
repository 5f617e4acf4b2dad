package registryauth

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	remoteserrors "github.com/containerd/containerd/v2/core/remotes/errors"
)

// loginPatience is how long a registry may take to say who is welcome.
const loginPatience = 30 * time.Second

// Account is somebody at a registry.
type Account struct {
	Host     string // as ParseHost gives it
	Username string
	Password string
	Insecure bool   // TLS is not verified, and plain HTTP will do
	CA       []byte // PEM, trusted beside the system's authorities; may be empty
}

// Stored says where an account was put.
type Stored struct {
	Place     string // the config file, or the credential helper
	Plain     bool   // whoever can read the file can read the password
	Unchecked bool   // the registry asks nobody who they are
	Hidden    bool   // DOCKER_AUTH_CONFIG names the registry, and wins
}

// Login stores an account that the registry accepts. What the registry gives in
// place of the password, an identity token, is stored instead of it.
func Login(ctx context.Context, opts Options, account Account) (*Stored, error) {
	file := filepath.Join(opts.Directory, configFile)
	if _, err := readConfig(file); err != nil {
		return nil, err // rather than ask a registry in vain
	}
	credentials, asked, err := verify(ctx, account)
	if err != nil {
		return nil, err
	}
	stored, err := keep(ctx, file, account.Host, credentials)
	if err != nil {
		return nil, err
	}
	stored.Unchecked = !asked
	stored.Hidden = hidden(opts, account.Host)
	return stored, nil
}

// verify asks the registry. The credentials are what to store, and asked is false
// if the registry lets in everybody.
func verify(ctx context.Context, account Account) (credentials Credentials, asked bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, loginPatience, errors.New("no answer in "+loginPatience.String()))
	defer cancel()
	client, insecure := clientTrustingAll(), account.Insecure || isLocal(account.Host)
	if !insecure {
		if client, err = clientTrusting(account.CA); err != nil {
			return Credentials{}, false, err
		}
	}
	defer client.CloseIdleConnections()
	credentials = Credentials{Username: account.Username, Secret: account.Password}
	r := newRegistry(client, requestHost(account.Host), insecure)
	r.offline = true
	got, granted, err := r.ask(ctx, http.MethodGet, "/v2/", credentials)
	switch {
	case refusedStatus(err):
		return Credentials{}, false, &LoginError{Host: account.Host, User: account.Username, Cause: errors.New(answered(err, account.Password))}
	case err != nil && context.Cause(ctx) != nil:
		return Credentials{}, false, &UnreachableError{Host: account.Host, Cause: context.Cause(ctx)}
	case err != nil:
		return Credentials{}, false, unreachable(account.Host, err)
	case got.code == http.StatusUnauthorized, got.code == http.StatusForbidden:
		return Credentials{}, false, &LoginError{Host: account.Host, User: account.Username, Cause: errors.New(got.said(account.Password))}
	case got.code != http.StatusOK:
		return Credentials{}, false, &UnreachableError{Host: account.Host, Cause: errors.New("it does not answer as a registry does: " + got.said(account.Password))}
	}
	if granted.refresh != "" {
		credentials = Credentials{Username: account.Username, Secret: granted.refresh, identity: true}
	}
	return credentials, granted.header != "", nil
}

// answered is what a token server said.
func answered(err error, secret string) string {
	var unexpected remoteserrors.ErrUnexpectedStatus
	if !errors.As(err, &unexpected) {
		return err.Error()
	}
	return (&reply{status: unexpected.Status, body: unexpected.Body}).said(secret)
}

func unreachable(host string, err error) *UnreachableError {
	var unknown x509.UnknownAuthorityError
	e := &UnreachableError{Host: host, Cause: err}
	e.Untrusted = errors.As(err, &unknown)
	e.Plain = errors.Is(err, http.ErrSchemeMismatch)
	return e
}

// hidden says whether the environment names the host.
func hidden(opts Options, host string) bool {
	text, _ := opts.LookupEnv(authEnv)
	if text == "" {
		return false
	}
	env, err := parseConfig(authEnv, []byte(text))
	if err != nil {
		return false
	}
	_, found := matching(env.Auths, keysOf(requestHost(host)))
	return found
}

// keep puts credentials where the config says those of the host are.
func keep(ctx context.Context, path, host string, credentials Credentials) (*Stored, error) {
	doc, err := openDocument(path)
	if err != nil {
		return nil, err
	}
	keys := keysOf(requestHost(host))
	if helper := doc.config.helper(keys); helper != "" {
		if err := storeInHelper(ctx, helper, keys[0], credentials); err != nil {
			return nil, &StoreError{Host: host, Place: helperSource(helper), Helper: helperName(helper), Path: path, Cause: err}
		}
		// As docker does: the entry says that there is something, not what.
		if err := doc.set(keys[0], storedEntry{}); err != nil {
			return nil, &StoreError{Host: host, Place: path, Path: path, Cause: err}
		}
		return &Stored{Place: helperSource(helper)}, nil
	}
	if err := doc.set(keys[0], entryOf(credentials)); err != nil {
		return nil, &StoreError{Host: host, Place: path, Path: path, Cause: err}
	}
	return &Stored{Place: path, Plain: true}, nil
}

// Logout forgets what is stored for the host, and returns the places where
// something was.
func Logout(ctx context.Context, opts Options, host string) ([]string, error) {
	path := filepath.Join(opts.Directory, configFile)
	doc, err := openDocument(path)
	if err != nil {
		return nil, err
	}
	var places []string
	keys := keysOf(requestHost(host))
	removed, err := doc.remove(keys)
	if err != nil {
		return nil, &StoreError{Host: host, Place: path, Path: path, Cause: err}
	}
	if removed {
		places = append(places, path)
	}
	helper := doc.config.helper(keys)
	if helper == "" {
		return places, nil
	}
	known, _, _, err := askHelper(ctx, helper, keys[0])
	if err == nil && known {
		err = eraseFromHelper(ctx, helper, keys[0])
		places = []string{helperSource(helper)}
	}
	if err != nil {
		return nil, &StoreError{Host: host, Place: helperSource(helper), Helper: helperName(helper), Path: path, Removing: true, Cause: err}
	}
	return places, nil
}

func helperSource(suffix string) string {
	return `credential helper "` + helperName(suffix) + `"`
}

// ValidUsername says whether the name can be sent: basic authentication ends it
// at the first colon.
func ValidUsername(name string) bool {
	return name != "" && !strings.ContainsAny(name, ":\r\n")
}
