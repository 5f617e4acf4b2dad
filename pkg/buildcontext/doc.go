// Package buildcontext converts the build's input (PATH, a URL or "-", and the
// Dockerfile) to local mounts and frontend attributes of a solve. It returns every
// error that can be detected on this machine before anything is sent.
//
// It must not know flags other than PATH and --file, how a build is run, or
// that a cluster exists.
package buildcontext
