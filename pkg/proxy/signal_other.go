//go:build !unix

package proxy

import "os"

// forwarded are the signals that must not end this process: Windows gives Ctrl-C to all processes of a console.
func forwarded() []os.Signal { return []os.Signal{os.Interrupt} }

func fromTerminal(os.Signal) bool { return true }
