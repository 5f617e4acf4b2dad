//go:build !linux

package safefile

import "os"

func keepAttributes(*os.File, string) error { return nil }

func attributes(string) []string { return nil }
