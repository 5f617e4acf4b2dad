package registryauth

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// A full disk is one error, in one line.
func TestConfigOnAFullDisk(t *testing.T) {
	if err := replaceFile("/dev/full", []byte("{}")); !errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
}
