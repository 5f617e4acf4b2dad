// Package solve talks to one BuildKit daemon over a connection it is given: it
// asks what the daemon is, runs a build beside its display, and says in types
// why a build ended.
//
// A build outlives its connection. One that is closed, or from which nothing has
// come for 15 seconds, is replaced by what the caller's Reconnect finds, and the
// build is sent again, with a reference and a session of its own: finished steps
// come from the daemon's cache. A silent connection may still be alive, so it is not known whether it is
// dead. It stays until the new one has caught up, since the daemon lets two
// builds share their running steps but stops a step that no client waits for; and if
// it speaks first, the build stays with it. What cannot be sent again is not, and
// neither is a build that failed: of a silence the caller is told as soon, but
// such a build waits on its connection until that is known to be dead.
//
// It must not know where the connection leads, how a build was asked for, or
// how anything is printed.
package solve
