package cmd

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const loginLong = `Store the credentials of a registry in the docker config, with no docker on this machine.

They are checked against the registry first. They go where the docker config says: into the credential helper or store
that it names for the registry, else into the file itself, which then is readable for its owner alone. Builds and docker
itself use what is stored. Without REGISTRY it is Docker Hub.`

const loginExample = `  # Be asked for user name and password
  kubectl buildkit login registry.example.com

  # In a script
  echo "$TOKEN" | kubectl buildkit login iad.ocir.io -u mytenancy/me@example.com --password-stdin

  # A registry with a private CA
  kubectl buildkit login registry.local:5000 --registry-ca ca.pem`

type loginOptions struct {
	registry      string
	username      string
	passwordStdin bool
	insecure      bool
	registryCA    string
}

func newLoginCommand(f *factory, run func(context.Context, *loginOptions) error) *cobra.Command {
	o := &loginOptions{}
	if run == nil {
		run = func(ctx context.Context, o *loginOptions) error { return runLogin(ctx, f, o) }
	}
	c := &cobra.Command{
		Use:     "login [REGISTRY]",
		Short:   "Store the credentials of a registry",
		Long:    loginLong,
		Example: loginExample,
		Args:    atMostOneRegistry,
		RunE: func(c *cobra.Command, args []string) error {
			o.registry = registryArgument(args)
			return run(c.Context(), o)
		},
	}
	flags := c.Flags()
	flags.StringVarP(&o.username, "username", "u", "", "User name, e.g. tenancy/user")
	flags.BoolVar(&o.passwordStdin, "password-stdin", false, "Read the password from standard input")
	flags.BoolVar(&o.insecure, "insecure", false, "Do not verify the registry's TLS, and do without it where it has none")
	flags.StringVar(&o.registryCA, "registry-ca", "", "PEM file of certificates to trust for the registry")
	return c
}

func atMostOneRegistry(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		return fmt.Errorf("takes at most one REGISTRY, got %d arguments: %q", len(args), args)
	}
	return nil
}

// registryArgument is Docker Hub where none is named, as docker has it.
func registryArgument(args []string) string {
	if len(args) == 0 {
		return "docker.io"
	}
	return args[0]
}

func runLogin(ctx context.Context, f *factory, o *loginOptions) error {
	account, err := o.account()
	if err != nil {
		return err
	}
	store, err := f.credentialStore()
	if err != nil {
		return err
	}
	if err := f.ask(ctx, o, &account); err != nil {
		return err
	}
	stored, err := registryauth.Login(ctx, store, account)
	if err != nil {
		return err
	}
	if stored.Plain {
		escape.Fprintf(f.streams.ErrOut, "warning: the credentials are stored unencrypted in %s: a credential helper, "+
			"https://docs.docker.com/go/credential-store/, keeps them safer\n", stored.Place)
	}
	if stored.Unchecked {
		escape.Fprintf(f.streams.ErrOut, "warning: registry %q asks for no password: it could not be checked\n", account.Host)
	}
	if stored.Hidden {
		escape.Fprintf(f.streams.ErrOut, "warning: the environment variable DOCKER_AUTH_CONFIG has credentials for %q too; they are tried first\n", account.Host)
	}
	_, err = escape.Fprintln(f.streams.Out, "Login Succeeded")
	return err
}

// maxPassword bounds, in bytes, what is read as one: identity tokens are long, files are longer.
const maxPassword = 1 << 20

// ask gets what the command line does not say of the account.
func (f *factory) ask(ctx context.Context, o *loginOptions, account *registryauth.Account) error {
	if o.passwordStdin {
		text, err := io.ReadAll(io.LimitReader(request.Interruptible(ctx, f.streams.In), maxPassword))
		if err != nil {
			return fmt.Errorf("reading the password from standard input: %w", err)
		}
		account.Password = strings.TrimRight(string(text), "\r\n")
		if account.Password == "" {
			return &usage.Error{What: "--password-stdin", Reason: "standard input is empty"}
		}
		return nil
	}
	if !f.streams.Interactive() {
		return &usage.Error{What: "login", Reason: "no terminal can be asked for the password of " + account.Host, Next: "add --username NAME --password-stdin"}
	}
	if account.Username == "" {
		name, err := f.streams.Ask(ctx, "Username")
		if err != nil {
			return fmt.Errorf("reading the user name: %w", err)
		}
		if account.Username = name; !registryauth.ValidUsername(account.Username) {
			return &usage.Error{What: "Username", Value: account.Username, Reason: "a user name has at least one character, and no colon"}
		}
	}
	password, err := f.streams.AskHidden(ctx, "Password")
	if err != nil {
		return fmt.Errorf("reading the password: %w", err)
	}
	if account.Password = password; password == "" {
		return &usage.Error{What: "Password", Reason: "it is empty"}
	}
	return nil
}

// account is what the command line says of it; name and password may be missing.
func (o *loginOptions) account() (account registryauth.Account, err error) {
	account = registryauth.Account{Username: o.username, Insecure: o.insecure}
	if account.Host, err = parseRegistry(o.registry); err != nil {
		return account, err
	}
	if o.username != "" && !registryauth.ValidUsername(o.username) {
		return account, &usage.Error{What: "--username", Value: o.username, Reason: "a user name has no colon and no line break"}
	}
	if o.passwordStdin && o.username == "" {
		return account, &usage.Error{What: "--password-stdin", Reason: "the user name is missing", Next: "add --username NAME"}
	}
	if o.registryCA == "" {
		return account, nil
	}
	if o.insecure {
		return account, &usage.Error{What: "--registry-ca", Value: o.registryCA, Reason: "with --insecure no certificate is verified", Next: "leave one of them out"}
	}
	if account.CA, err = safefile.Read(userPath(o.registryCA), maxConfigFile); err != nil {
		return account, unreadable("--registry-ca", o.registryCA, err)
	}
	if !strings.Contains(string(account.CA), "-----BEGIN CERTIFICATE-----") {
		return account, &usage.Error{What: "--registry-ca", Value: o.registryCA, Reason: "it holds no certificate in PEM", Next: "name the certificate of the authority that signed the registry's, in PEM"}
	}
	return account, nil
}

func parseRegistry(text string) (string, error) {
	host, err := registryauth.ParseHost(text)
	if err != nil {
		return "", &usage.Error{What: "REGISTRY", Value: text, Reason: err.Error()}
	}
	return host, nil
}

// credentialStore is where the docker config is, which must be known before it is written.
func (f *factory) credentialStore() (registryauth.Options, error) {
	options := f.credentialOptions()
	if options.Directory == "" {
		return options, &usage.Error{
			What: "$HOME", Reason: "the home directory is not known, so the docker config has no place",
			Next: "name a directory: DOCKER_CONFIG=DIR",
		}
	}
	return options, nil
}

const logoutLong = `Remove the credentials of a registry from the docker config, and from the credential helper that it names for the
registry. Without REGISTRY it is Docker Hub.`

func newLogoutCommand(f *factory) *cobra.Command {
	return &cobra.Command{
		Use:     "logout [REGISTRY]",
		Short:   "Remove the stored credentials of a registry",
		Long:    logoutLong,
		Example: "  kubectl buildkit logout registry.example.com",
		Args:    atMostOneRegistry,
		RunE: func(c *cobra.Command, args []string) error {
			return runLogout(c.Context(), f, registryArgument(args))
		},
	}
}

func runLogout(ctx context.Context, f *factory, registry string) error {
	host, err := parseRegistry(registry)
	if err != nil {
		return err
	}
	store, err := f.credentialStore()
	if err != nil {
		return err
	}
	places, err := registryauth.Logout(ctx, store, host)
	if err != nil {
		return err
	}
	if len(places) == 0 {
		_, err = escape.Fprintf(f.streams.ErrOut, "not logged in to %s\n", host)
		return err
	}
	_, err = escape.Fprintf(f.streams.Out, "removed the credentials of %s from %s\n", host, strings.Join(places, " and "))
	return err
}
