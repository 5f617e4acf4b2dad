package upload

import (
	"fmt"
	"slices"
	"strings"
)

// Mode says when the upload is compressed.
type Mode string

// The modes of --compress.
const (
	Auto   Mode = "auto"   // where it makes the upload faster
	Always Mode = "always" // whatever the link and the data are like
	Never  Mode = "never"
)

// Modes are all there are, in the order of a help text.
func Modes() []string {
	return []string{string(Auto), string(Always), string(Never)}
}

// ParseMode reads the value of --compress; empty is Auto.
func ParseMode(value string) (Mode, error) {
	switch {
	case value == "":
		return Auto, nil
	case slices.Contains(Modes(), value):
		return Mode(value), nil
	}
	return "", fmt.Errorf("no such mode; use %s", strings.Join(Modes(), ", "))
}
