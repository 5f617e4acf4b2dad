package image

import (
	"archive/tar"
	"bytes"
	"io"
	"reflect"
	"testing"
)

func TestNormalize(t *testing.T) {
	entries := normalize([]Entry{
		{Path: "usr/bin/b", Content: []byte("old")},
		{Path: "tmp", Dir: true, Mode: 0o1777},
		{Path: "tmp/x", Content: []byte("x")},
		{Path: "usr/bin/b", Content: []byte("new")},
	})
	var paths []string
	for _, entry := range entries {
		paths = append(paths, entry.Path)
	}
	if want := []string{"tmp", "tmp/x", "usr", "usr/bin", "usr/bin/b"}; !reflect.DeepEqual(paths, want) {
		t.Errorf("got %q, want %q", paths, want)
	}
	if entries[0].Mode != 0o1777 || string(entries[4].Content) != "new" {
		t.Errorf("got %+v", entries)
	}
}

func TestWriteLayer(t *testing.T) {
	var buffer bytes.Buffer
	err := writeLayer(&buffer, []Entry{
		{Path: "bin", Dir: true, Mode: 0o755},
		{Path: "bin/map", Mode: 0o755, Content: []byte("x"), Capability: setuid},
		{Path: "bin/sh", Link: "/bin/map"},
	})
	if err != nil {
		t.Fatal(err)
	}
	reader := tar.NewReader(&buffer)
	var kinds []byte
	for {
		header, err := reader.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, header.Typeflag)
		if header.Name == "bin/map" {
			// The value that `setcap cap_setuid+ep` stores.
			want := "\x01\x00\x00\x02\x80\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
			if got := header.PAXRecords["SCHILY.xattr.security.capability"]; got != want {
				t.Errorf("got capability %q, want %q", got, want)
			}
		}
	}
	if !bytes.Equal(kinds, []byte{tar.TypeDir, tar.TypeReg, tar.TypeSymlink}) {
		t.Errorf("got types %q", kinds)
	}
}

func TestParseLibraries(t *testing.T) {
	const output = "\tlinux-vdso.so.1 (0x00007f)\n\tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n"
	want := []string{"/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}
	if got := parseLibraries(output); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
