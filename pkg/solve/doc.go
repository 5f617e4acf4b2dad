// Package solve talks to one BuildKit daemon over a connection that is passed to it: it reads the
// daemon's properties, waits in the daemon's queue with tickets and claims, runs a build beside its
// display, sends it again after a loss, and returns typed errors.
//
// A build outlives its connection. A connection that is closed, or over which
// nothing was received for 15 seconds, is replaced by the one that Reconnect
// returns, and the build is sent again, with a new reference and a new session:
// finished steps come from the daemon's cache. A silent connection may still be
// alive, so it is kept until its replacement has joined the same steps: the daemon
// lets two builds share their running steps, but stops a step that no client waits
// for. If the old connection resumes first, the build stays on it. A build that
// failed, or whose input cannot be sent twice, is not sent again: it waits on its
// connection until that is lost for certain.
//
// It must not know where the connection leads, how a build was requested, or
// how anything is printed.
package solve
