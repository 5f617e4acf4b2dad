// Package cmd is the command line: one file a verb, and the place where the Kubernetes half and the BuildKit half
// meet. It turns flags into plain options, calls the two halves, and turns what comes back into words and exit codes.
// It holds no logic that could be tested without a command.
package cmd
