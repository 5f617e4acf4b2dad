//go:build !unix

package proxy

import "os"

// forwarded returns the signals that must not end this process: Windows sends Ctrl-C to all
// processes of a console.
func forwarded() []os.Signal { return []os.Signal{os.Interrupt} }

func fromTerminal(os.Signal) bool { return true }
