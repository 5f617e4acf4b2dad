// Package buildcontext turns what the user named as the build's input (PATH, a
// URL or "-", and the Dockerfile) into local mounts and frontend attributes of
// a solve. Whatever can be seen to be wrong from this machine alone is an error
// here, before anything is sent.
//
// It must not know flags other than PATH and --file, how a build is run, or
// that a cluster exists.
package buildcontext
