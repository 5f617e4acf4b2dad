// Package escape makes text from outside harmless where it is printed: names, errors and logs that other users of a
// builder, a registry, a daemon or a repository chose must neither reach the terminal's own control functions nor look
// like lines of this program.
//
// It must not know what is printed, nor for which command.
package escape
