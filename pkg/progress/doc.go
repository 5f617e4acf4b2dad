// Package progress shows the progress of a build: it draws the daemon's status, and
// the client's own steps between it, in one of the modes of --progress.
//
// It must not know what is built or why a build failed.
package progress
