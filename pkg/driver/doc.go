// Package driver makes a builder usable: it finds the member to use, opens a tunnel to its daemon, keeps the connection
// alive through losses, and runs builds on it. It is the only package that imports both halves, the one that knows
// Kubernetes and the one that knows BuildKit.
//
// It must not know commands: what a person should do about an error says pkg/explain. Nothing is printed either, but by
// the display of a build; what happens meanwhile is passed to the caller as a [Notice].
package driver
