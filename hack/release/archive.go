package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// content is a file of an archive.
type content struct {
	name string
	path string
	mode fs.FileMode
}

// writeArchive writes a .zip or a .tar.gz that depends on nothing but the contents, their order and the time.
func writeArchive(path string, contents []content, modified time.Time) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("creating the archive: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if strings.HasSuffix(path, ".zip") {
		return writeZip(file, contents, modified)
	}
	return writeTar(file, contents, modified)
}

func writeTar(w io.Writer, contents []content, modified time.Time) error {
	compressor, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := tar.NewWriter(compressor)
	for _, c := range contents {
		size, err := c.size()
		if err != nil {
			return err
		}
		header := &tar.Header{Name: c.name, Mode: int64(c.mode), Size: size, ModTime: modified, Format: tar.FormatUSTAR}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("archiving %q: %w", c.name, err)
		}
		if err := c.copyTo(archive); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), compressor.Close())
}

func writeZip(w io.Writer, contents []content, modified time.Time) error {
	archive := zip.NewWriter(w)
	for _, c := range contents {
		header := &zip.FileHeader{Name: c.name, Method: zip.Deflate, Modified: modified}
		header.SetMode(c.mode)
		entry, err := archive.CreateHeader(header)
		if err != nil {
			return fmt.Errorf("archiving %q: %w", c.name, err)
		}
		if err := c.copyTo(entry); err != nil {
			return err
		}
	}
	return archive.Close()
}

func (c content) size() (int64, error) {
	info, err := os.Stat(c.path)
	if err != nil {
		return 0, fmt.Errorf("archiving %q: %w", c.name, err)
	}
	return info.Size(), nil
}

func (c content) copyTo(w io.Writer) error {
	file, err := os.Open(c.path)
	if err != nil {
		return fmt.Errorf("archiving %q: %w", c.name, err)
	}
	defer file.Close()
	if _, err := io.Copy(w, file); err != nil {
		return fmt.Errorf("archiving %q: %w", c.name, err)
	}
	return nil
}
