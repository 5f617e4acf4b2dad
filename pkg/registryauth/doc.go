// Package registryauth lends the credentials of the user's docker config to a
// build, through BuildKit's session, and keeps that config: login and logout.
// Credential helpers are asked when a registry asks, tokens are fetched on this
// machine, and what was found and what was refused is remembered, so that a
// refusal can be explained.
//
// It must not know what is built, nor that a cluster exists. No secret is in any
// error or message of it.
package registryauth
