//go:build !unix

package safefile

import (
	"errors"
	"io/fs"
	"os"
)

const (
	nonBlocking = 0
	noTerminal  = 0
)

// Where unknown question, writing itself finds out.

func accessible(string, bool) error { return nil }

func withoutReader(error) bool { return false }

func descriptorOf(string, string) (int, bool) { return none, false }

func checkDescriptor(int) error { return nil }

func openDescriptor(place) (*os.File, error) { return nil, errors.ErrUnsupported }

func linkCount(fs.FileInfo) uint64 { return 1 }

func ownerCanBeKept(fs.FileInfo) bool { return true }

func keepOwner(*os.File, fs.FileInfo) error { return nil }
