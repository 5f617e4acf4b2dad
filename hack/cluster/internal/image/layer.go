package image

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// newLayer makes a layer of the entries. Everything in it has the same time, so that the same input gives the same digest.
func newLayer(entries []Entry) (v1.Layer, error) {
	var buffer bytes.Buffer
	if err := writeLayer(&buffer, normalize(entries)); err != nil {
		return nil, err
	}
	opener := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(buffer.Bytes())), nil }
	layer, err := tarball.LayerFromOpener(opener, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
	if err != nil {
		return nil, fmt.Errorf("compressing layer: %w", err)
	}
	return layer, nil
}

func writeLayer(target io.Writer, entries []Entry) error {
	archive := tar.NewWriter(target)
	for _, entry := range entries {
		if err := writeEntry(archive, entry); err != nil {
			return fmt.Errorf("writing %q into layer: %w", entry.Path, err)
		}
	}
	return archive.Close()
}

func writeEntry(archive *tar.Writer, entry Entry) error {
	header := &tar.Header{
		Name: entry.Path, Mode: entry.Mode, Uid: entry.UID, Gid: entry.GID,
		Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatPAX,
	}
	if entry.Capability != 0 {
		header.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": string(fileCapability(entry.Capability))}
	}
	content := entry.Content
	switch {
	case entry.Dir:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case entry.Link != "":
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, entry.Link, 0o777
	case entry.Source != "":
		data, err := os.ReadFile(entry.Source)
		if err != nil {
			return err
		}
		content = data
	}
	header.Size = int64(len(content))
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}

// fileCapability is the kernel's struct vfs_cap_data, revision 2: flags, then permitted and inheritable capabilities,
// the lower 32 of them and then the upper.
func fileCapability(permitted uint32) []byte {
	const revision2, effective = 0x02000000, 0x000001
	data := make([]byte, 20)
	binary.LittleEndian.PutUint32(data, revision2|effective)
	binary.LittleEndian.PutUint32(data[4:], permitted)
	return data
}
