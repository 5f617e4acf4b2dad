// Package escape makes untrusted text safe to print: names, errors and logs from other users of a
// builder, from a registry, a daemon or a repository must neither control the terminal nor look
// like lines of this program.
//
// It must not know which text it is, nor the command that prints it.
package escape
