// Package solve talks to one BuildKit daemon over a connection it is given: it
// asks what the daemon is, runs a build beside its display, and says in types
// why a build ended.
//
// It must not know where the connection leads, how a build was asked for, or
// how anything is printed.
package solve
