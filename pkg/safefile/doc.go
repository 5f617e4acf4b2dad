// Package safefile is the only package that reads and writes the user's files.
// Reading never leaves the directory that the user named, never blocks on a file
// that is not regular, is limited in size, and reports every error. A file is
// written completely or not at all, and only regular files are replaced.
//
// It must not know flags, BuildKit or Kubernetes.
package safefile
