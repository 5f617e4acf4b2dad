package safefile

import (
	"errors"
	"syscall"
)

// Unwritten returns an *UnwritableError for an error of writing to the path; nil stays nil.
func Unwritten(path string, err error) error {
	var known *UnwritableError
	if err == nil || errors.As(err, &known) {
		return err
	}
	next := ""
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		next = "free space there, or write to another file system"
	case errors.Is(err, syscall.EPIPE):
		next = "keep the program that reads it running until all is written"
	}
	return &UnwritableError{Path: path, Reason: cause(err).Error(), Next: next, Cause: err}
}
