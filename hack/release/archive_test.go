package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestArchivesDependOnContentsAlone writes each archive twice, from files of other directories, times and owners' rights.
func TestArchivesDependOnContentsAlone(t *testing.T) {
	when := time.Date(2026, 5, 4, 3, 2, 2, 0, time.UTC)
	for _, name := range []string{"a.tar.gz", "a.zip"} {
		first, second := archiveOf(t, name, 0o600, when), archiveOf(t, name, 0o777, when)
		if !bytes.Equal(first, second) {
			t.Errorf("%s differs", name)
		}
		if bytes.Equal(first, archiveOf(t, name, 0o600, when.Add(time.Hour))) {
			t.Errorf("%s does not bear the time", name)
		}
		want := []string{"LICENSE -rw-r--r-- terms", "run -rwxr-xr-x program"}
		if got := listing(t, name, first); !slices.Equal(got, want) {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
}

func archiveOf(t *testing.T, name string, mode os.FileMode, when time.Time) []byte {
	t.Helper()
	dir := t.TempDir()
	for file, text := range map[string]string{"one": "program", "two": "terms"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name)
	contents := []content{{"LICENSE", filepath.Join(dir, "two"), 0o644}, {"run", filepath.Join(dir, "one"), 0o755}}
	if err := writeArchive(path, contents, when); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func listing(t *testing.T, name string, raw []byte) []string {
	t.Helper()
	var list []string
	if filepath.Ext(name) == ".zip" {
		archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.File {
			reader, err := file.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(reader)
			list = append(list, fmt.Sprintf("%s %s %s", file.Name, file.Mode(), text))
			if err != nil {
				t.Fatal(err)
			}
		}
		return list
	}
	plain, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewReader(plain)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, fmt.Sprintf("%s %s %s", header.Name, header.FileInfo().Mode(), text))
	}
}
