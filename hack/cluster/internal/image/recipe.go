// Package image assembles container images from files of this machine and keeps them in a cache, since there is nowhere to
// pull any from. It must not know which cluster they go to.
package image

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Entry is one file, directory or symbolic link of a layer. A file has either a Source or Content.
type Entry struct {
	Path       string // in the image, without the leading slash
	Mode       int64  // as chmod takes it
	Dir        bool
	Link       string // target of a symbolic link
	Source     string // path of the file on this machine
	Content    []byte
	UID, GID   int
	Capability uint32 // file capabilities, a bit mask of permitted and effective ones
}

// Recipe says what an image of one platform is made of.
type Recipe struct {
	Platform v1.Platform
	Config   v1.Config
	Layers   [][]Entry
}

// Image is what is made and cached: one recipe, or one per platform, which makes it an index.
type Image struct {
	Reference string // full name under which nodes know it
	Recipes   []Recipe
}

// key is a hash of everything the image is made from. Files of the machine count with path, size and modification time:
// built programs have their own hash in the path, and reading a whole Go toolchain at every start would take too long.
func (i Image) key() (string, error) {
	hash := sha256.New()
	fmt.Fprintln(hash, i.Reference)
	for _, recipe := range i.Recipes {
		fmt.Fprintf(hash, "%+v\n%+v\n", recipe.Platform, recipe.Config)
		for number, layer := range recipe.Layers {
			fmt.Fprintf(hash, "layer %d\n", number)
			for _, entry := range layer {
				fmt.Fprintf(hash, "%+v\n", entry)
				if entry.Source == "" {
					continue
				}
				info, err := os.Stat(entry.Source)
				if err != nil {
					return "", fmt.Errorf("reading a file for image %q: %w", i.Reference, err)
				}
				fmt.Fprintf(hash, "%d %d\n", info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// normalize sorts a layer by path, keeps the last of several entries with one path, and adds the directories that are
// not named, so that a tar reader meets every directory before what is in it.
func normalize(layer []Entry) []Entry {
	byPath := make(map[string]Entry)
	for _, entry := range layer {
		for dir := filepath.Dir(entry.Path); dir != "."; dir = filepath.Dir(dir) {
			if _, named := byPath[dir]; !named {
				byPath[dir] = Entry{Path: dir, Mode: 0o755, Dir: true}
			}
		}
		byPath[entry.Path] = entry
	}
	var entries []Entry
	for _, entry := range byPath {
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	return entries
}
