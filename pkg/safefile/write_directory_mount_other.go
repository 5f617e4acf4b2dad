//go:build !linux

package safefile

// isMount is known on Linux alone: elsewhere the move to another file system
// fails with the system's own error.
func isMount(string) bool { return false }

func removeCapability(string) bool { return false }
