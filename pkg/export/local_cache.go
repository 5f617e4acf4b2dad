package export

import (
	"fmt"
	"io/fs"
	"path"

	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

// latest is the default tag of a cache.
const latest = "latest"

// FindCache returns the digest of the cache with the tag in the directory, or given if that is not
// empty. The error wraps fs.ErrNotExist if the cache does not exist. BuildKit's own client serves
// the directory to the builder and follows every link in it, so it is an error if anything in it is
// not a regular file.
func FindCache(dir, tag, given string) (string, error) {
	root, err := safefile.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = root.Close() }()
	found := digest.Digest(given)
	if given == "" {
		index, err := readIndex(root)
		if err != nil {
			return "", err
		}
		if found = cacheIn(index, tag); found == "" {
			return "", fmt.Errorf("no cache has the tag %q: %w", tag, fs.ErrNotExist)
		}
	}
	if err := found.Validate(); err != nil {
		return "", fmt.Errorf("the digest %q: %w", found, err)
	}
	return found.String(), checkBlobs(root, found)
}

func cacheIn(index *ocispecs.Index, tag string) digest.Digest {
	if tag == "" {
		tag = latest
	}
	for _, annotation := range []string{imageName, ocispecs.AnnotationRefName} {
		for _, cache := range index.Manifests {
			if name, named := cache.Annotations[annotation]; named && name == tag {
				return cache.Digest
			}
		}
	}
	return ""
}

func checkBlobs(root *safefile.Root, wanted digest.Digest) error {
	err := root.Walk(ocispecs.ImageBlobsDir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() || entry.Type().IsRegular():
			return nil
		}
		return fmt.Errorf("%q in it is %s, not a blob", name, safefile.Kind(entry.Type()))
	})
	if err != nil {
		return err
	}
	_, err = root.Lstat(path.Join(ocispecs.ImageBlobsDir, wanted.Algorithm().String(), wanted.Encoded()))
	return err
}
