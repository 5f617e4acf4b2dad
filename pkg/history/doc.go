// Package history reads a daemon's records of its builds, also of those whose
// client has exited: the request, the result, every step with its log.
//
// It must not know how to connect to a daemon, nor how a record is shown.
package history
