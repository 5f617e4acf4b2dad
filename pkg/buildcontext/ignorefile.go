package buildcontext

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const (
	ignoreFile = ".dockerignore"
	// maxIgnoreFile is the maximum size of an ignore file, in bytes; the daemon rejects larger
	// ones.
	maxIgnoreFile = 4 << 20
	// nothingIgnored is the content of a missing file. It is not empty: for an empty file the
	// frontend looks for another one.
	nothingIgnored = "# there is no .dockerignore\n"
)

// ignoring is the content of an ignore file.
type ignoring struct {
	found    bool
	text     []byte
	patterns []string
}

// readIgnoreFile reads the file of that name below the root. It returns an error if the file exists
// and cannot be read or parsed: files that it excludes would be sent.
func readIgnoreFile(root *safefile.Root, name string) (ignoring, error) {
	if !root.Has(name) {
		return ignoring{}, nil
	}
	text, err := root.ReadFile(name, maxIgnoreFile)
	if err != nil {
		reason, _ := explainRead(err)
		return ignoring{}, wrongIgnoreFile(root, name, reason)
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return ignoring{}, wrongIgnoreFile(root, name, err.Error())
	}
	if _, err := patternmatcher.New(patterns); err != nil {
		return ignoring{}, wrongIgnoreFile(root, name, locate(text, err))
	}
	return ignoring{found: true, text: text, patterns: patterns}, nil
}

// ignoredIn reads the ignore file of a directory.
func ignoredIn(dir string) (ignoring, error) {
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return ignoring{}, &usage.Error{What: pathArgument, Value: dir, Reason: plain(err)}
	}
	defer func() { _ = root.Close() }()
	return readIgnoreFile(root, ignoreFile)
}

// wrongIgnoreFile returns an error with the file's path, since the file is not on the command line.
func wrongIgnoreFile(root *safefile.Root, name, reason string) error {
	return &usage.Error{
		What: ignoreFlag, Value: filepath.Join(root.Dir(), name), Reason: reason,
		Next: "correct the file or remove it",
	}
}

// locate returns the line with the invalid pattern.
func locate(text []byte, err error) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		patterns, lineErr := ignorefile.ReadAll(strings.NewReader(lines.Text()))
		if lineErr != nil {
			continue
		}
		if _, lineErr := patternmatcher.New(patterns); lineErr != nil {
			return fmt.Sprintf("line %d, %q: %v", number, lines.Text(), lineErr)
		}
	}
	return err.Error()
}

// explainRead returns the reason and the next step of a usage error for a file that cannot be read.
func explainRead(err error) (reason, next string) {
	var leaves *safefile.LeavesError
	var kind *safefile.NotRegularError
	var dangling *safefile.DanglingError
	var large *safefile.TooLargeError
	switch {
	case errors.As(err, &large):
		return fmt.Sprintf("it is larger than %d MiB", large.Limit>>20), ""
	case errors.As(err, &dangling):
		return "it is a link to " + dangling.Target + ", which does not exist", "correct the link"
	case errors.As(err, &leaves) && leaves.Target != "":
		return "it is a link to " + leaves.Target + ", which leads out of the directory that is sent", ""
	case errors.As(err, &leaves):
		return "it is reached through a link that leaves the directory which is sent", ""
	case errors.As(err, &kind):
		return "it is " + safefile.Kind(kind.Mode), "name a regular file"
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error(), ""
	}
	return err.Error(), ""
}
