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

// loginLimit is the timeout for the check of an account.
const loginLimit = 30 * time.Second

// Account is a user of a registry.
type Account struct {
	Host     string // as ParseHost gives it
	Username string
	Password string
	Insecure bool   // TLS is not verified, and plain HTTP is allowed
	CA       []byte // PEM, trusted beside the system's authorities; may be empty
}

// Stored is where an account was stored.
type Stored struct {
	Place     string // the config file, or the credential helper
	Plain     bool   // the file contains the password, unencrypted
	Unchecked bool   // the registry accepts anonymous access
	Hidden    bool   // DOCKER_AUTH_CONFIG names the registry, and takes precedence
}

// Login checks the account at the registry and stores it. If the registry returns an
// identity token, that is stored instead of the password. The error is a *LoginError,
// an *UnreachableError or a *StoreError.
func Login(ctx context.Context, opts Options, account Account) (*Stored, error) {
	file := filepath.Join(opts.Directory, configFile)
	if _, err := openDocument(file); err != nil {
		return nil, err // before a request to the registry
	}
	credentials, asked, err := verify(ctx, account)
	if err != nil {
		return nil, err
	}
	stored, err := keep(ctx, opts, account.Host, credentials)
	if err != nil {
		return nil, err
	}
	stored.Unchecked = !asked
	stored.Hidden = hidden(opts, account.Host)
	return stored, nil
}

// verify checks the account at the registry. It returns the credentials to store, and
// asked is false if the registry accepts anonymous access.
func verify(ctx context.Context, account Account) (credentials Credentials, asked bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, loginLimit, errors.New("no answer in "+loginLimit.String()))
	defer cancel()
	r, err := registryFor(account)
	if err != nil {
		return Credentials{}, false, err
	}
	defer r.client.CloseIdleConnections()
	credentials = Credentials{Username: account.Username, Secret: account.Password}
	got, granted, err := r.ask(ctx, question{method: http.MethodGet, path: "/v2/"}, credentials)
	switch {
	case refusedStatus(err):
		return Credentials{}, false, &LoginError{Host: account.Host, User: account.Username, Cause: errors.New(answered(err, credentials))}
	case err != nil && context.Cause(ctx) != nil:
		return Credentials{}, false, unreachable(r, context.Cause(ctx))
	case err != nil:
		return Credentials{}, false, unreachable(r, err)
	case (got.code == http.StatusUnauthorized || got.code == http.StatusForbidden) && granted.header == "":
		return Credentials{}, false, &LoginError{Host: account.Host, User: account.Username, Unasked: true, Cause: errors.New(got.message(credentials))}
	case got.code == http.StatusUnauthorized, got.code == http.StatusForbidden:
		return Credentials{}, false, &LoginError{Host: account.Host, User: account.Username, Cause: errors.New(got.message(credentials))}
	case got.code != http.StatusOK, got.page && granted.header == "":
		return Credentials{}, false, &UnreachableError{Host: account.Host, Cause: errors.New("it does not respond like a registry: " + got.message(credentials))}
	}
	if granted.refresh != "" {
		credentials = Credentials{Username: account.Username, Secret: granted.refresh, identity: true}
	}
	return credentials, granted.header != "", nil
}

func registryFor(account Account) (*registry, error) {
	host := requestHost(account.Host)
	config, plain := trustingAll(), sameName(host)
	insecure := account.Insecure || isLocal(account.Host)
	if !insecure {
		pool, err := authorities(account.CA)
		if err != nil {
			return nil, err
		}
		config, plain = trusting(pool), nil
	}
	r := newRegistry(newClient(rules{transport: transport(config), limit: requestLimit, plain: plain}), host, insecure)
	r.offline = true
	return r, nil
}

// answered returns the response of a token server.
func answered(err error, sent Credentials) string {
	var unexpected remoteserrors.ErrUnexpectedStatus
	if !errors.As(err, &unexpected) {
		return err.Error()
	}
	return (&reply{code: unexpected.StatusCode, body: unexpected.Body}).message(sent)
}

func (p *Provider) unreachable(ctx context.Context, host string, err error) *UnreachableError {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return unreachable(p.registryAt(host), err)
}

func unreachable(r *registry, err error) *UnreachableError {
	var unknown x509.UnknownAuthorityError
	return &UnreachableError{
		Host: shownHost(r.host), Untrusted: errors.As(err, &unknown), Plain: speaksPlain(err),
		Proxy: proxyFor(r.scheme + "://" + r.host), Cause: err,
	}
}

// hidden reports whether the environment names the host.
func hidden(opts Options, host string) bool {
	text, _ := opts.LookupEnv(authEnv)
	env, _ := parseConfig(authEnv, []byte(text))
	return len(matching(env.Auths, purpose{host: requestHost(host)}, false)) > 0
}

// keep stores credentials in the store that the config has for the host.
func keep(ctx context.Context, opts Options, host string, credentials Credentials) (*Stored, error) {
	path := filepath.Join(opts.Directory, configFile)
	doc, err := openDocument(path)
	if err != nil {
		return nil, err
	}
	keys := keysOf(requestHost(host))
	if helper := doc.config.helper(keys); helper != "" {
		ctx, cancel := opts.bounded(ctx)
		defer cancel()
		if err := storeInHelper(ctx, helper, keys[0], credentials); err != nil {
			return nil, &StoreError{Host: host, Place: helperSource(helper), Helper: helperName(helper), Path: path, Cause: err}
		}
		// As docker does: an empty entry, whose credentials are in the helper.
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

// Logout removes the credentials of the host, and returns the places where they
// were. The error is a *StoreError.
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
	ctx, cancel := opts.bounded(ctx)
	defer cancel()
	if _, err = askHelper(ctx, helper, keys[0]); isNotKept(err) {
		return places, nil
	}
	if err == nil {
		err = eraseFromHelper(ctx, helper, keys[0])
		places = []string{helperSource(helper)}
	}
	if err != nil {
		return nil, &StoreError{Host: host, Place: helperSource(helper), Helper: helperName(helper), Path: path, Removing: true, Cause: err}
	}
	return places, nil
}

// ValidUsername reports whether the name is valid: in basic authentication it ends
// at the first colon.
func ValidUsername(name string) bool {
	return name != "" && !strings.ContainsAny(name, ":\r\n")
}
