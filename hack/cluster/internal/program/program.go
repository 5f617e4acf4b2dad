// Package program builds the programs of the cluster from Go modules, and keeps them in a cache outside the tree.
package program

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Program says how one program is built.
type Program struct {
	Name    string
	Module  string // directory below programs/ with the go.mod that pins it
	Package string
	CGO     bool
	Tags    string
	LDFlags string

	// Usual is how long the build takes as a rule: on two cores, with its modules downloaded, and with the packages built
	// that it shares with the programs before it in the catalogue.
	Usual time.Duration
}

// flags are the arguments of `go build` but the output and the package.
func (p Program) flags() []string {
	flags := []string{"-trimpath", "-buildvcs=false", "-ldflags", strings.TrimSpace("-s -w " + p.LDFlags)}
	if p.Tags != "" {
		flags = append(flags, "-tags", p.Tags)
	}
	return flags
}

func (p Program) environment() []string {
	cgo := "CGO_ENABLED=0"
	if p.CGO {
		cgo = "CGO_ENABLED=1"
	}
	// Flags of the user's own would change the program without changing its key.
	return []string{cgo, "GOFLAGS=", "GOWORK=off"}
}

// key is a hash of all that the program is made from: the toolchain ("go1.26.8 linux amd64"), the flags, and the
// module's go.mod, go.sum and sources.
func (p Program) key(dir, toolchain string) (string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return "", fmt.Errorf("hashing sources of program %q: %w", p.Name, err)
	}
	files = append(files, filepath.Join(dir, "go.mod"), filepath.Join(dir, "go.sum"))
	sort.Strings(files)
	hash := sha256.New()
	fmt.Fprintf(hash, "%s\n%q\n%q\n%s\n", toolchain, p.flags(), p.environment(), p.Package)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("hashing sources of program %q: %w", p.Name, err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", filepath.Base(file), len(data), data)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}
