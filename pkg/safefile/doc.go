// Package safefile is the only way to the files of the user: it reads what a
// build needs from the client, and writes what a build leaves there. Reading
// never leaves the directory that the user named, never hangs on a file that is
// not regular, is bounded, and swallows no error; what is written is whole or
// not there, and only regular files are replaced.
//
// It must not know flags, BuildKit or Kubernetes.
package safefile
