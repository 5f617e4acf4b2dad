// Package registryauth finds the credentials of the user's docker config and passes them to a build, through BuildKit's
// session; login and logout keep that config. Values come in the order of their types: a Config is what the user has, the
// Secrets of the cluster are added to it, and only that makes a Provider for one build on one builder. Credential helpers
// are asked when a registry asks, tokens are fetched on this machine, and what was found and what was refused is
// remembered, so that a refusal can be explained.
//
// It must not know what is built, nor that a cluster exists. No secret is in any error or message of it.
//
// Three libraries that do parts of this are not used, since they lack what it guarantees. In docker/cli's config one entry
// that cannot be decoded fails the whole file, keys that it does not know are lost when it is saved, and credentials of a
// path are not found. BuildKit's authprovider has TLS for hosts that are named only, fetches a token wherever the daemon
// says, and changes a client that is shared by all. The client of docker-credential-helpers waits without a limit, reads
// output without one, and quotes all of it in its errors: of a helper that fails late, the password.
package registryauth
