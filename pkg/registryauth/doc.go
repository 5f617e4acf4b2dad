// Package registryauth finds the credentials of the user's docker config, answers the challenges of
// registries, and passes credentials and tokens to a build, through BuildKit's session; login and
// logout change that config. The types enforce the order: a Config has the user's credentials, the
// Secrets of the cluster are added, and the result is a Provider for one build on one builder.
// Credential helpers run when a registry requires credentials, tokens are fetched on this machine,
// and the provider records which credentials were found and refused, to explain an error.
//
// It must not know what is built, nor that a cluster exists. Its errors and messages contain no
// secret.
//
// Three libraries that do parts of this are not used, since they lack what it guarantees. In
// docker/cli's config one entry that cannot be decoded fails the whole file, keys that it does not
// know are lost when it is saved, and credentials of a path are not found. BuildKit's authprovider
// has TLS for hosts that are named only, fetches a token wherever the daemon says, and changes a
// client that is shared by all. The client of docker-credential-helpers waits without a limit,
// reads output without one, and quotes all of it in its errors: of a helper that fails late, the
// password.
package registryauth
