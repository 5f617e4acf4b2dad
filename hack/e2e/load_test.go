package e2e_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// engine is as much of docker's engine as `docker version` and `docker load` speak with: a socket with its API.
type engine struct {
	socket string

	mu      sync.Mutex
	loaded  map[string]string // the last archive
	refuses string            // what it says instead of loading
}

func newEngine(t *testing.T) *engine {
	t.Helper()
	dir, err := os.MkdirTemp("", "engine") // the path of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{socket: filepath.Join(dir, "docker.sock")}
	listener, err := net.Listen("unix", e.socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: e}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		_ = os.RemoveAll(dir)
	})
	return e
}

func (e *engine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Api-Version", "1.47")
	w.Header().Set("Ostype", "linux")
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/_ping"):
		_, _ = io.WriteString(w, "OK")
	case strings.HasSuffix(r.URL.Path, "/version"):
		_, _ = io.WriteString(w, `{"Version":"27.0.0","ApiVersion":"1.47","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64"}`)
	case strings.HasSuffix(r.URL.Path, "/info"):
		_, _ = io.WriteString(w, `{"ID":"stand-in","ServerVersion":"27.0.0","OSType":"linux","Architecture":"x86_64"}`)
	case strings.HasSuffix(r.URL.Path, "/images/load"):
		e.load(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"message":"page not found"}`)
	}
}

func (e *engine) load(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuses != "" {
		w.WriteHeader(http.StatusInternalServerError)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": e.refuses})
		return
	}
	var err error
	if e.loaded, err = contentsOf(r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"message": err.Error()})
		return
	}
	_, _ = io.WriteString(w, `{"stream":"Loaded image\n"}`)
}

// contentsOf has a sum for each file of an archive, and the text of manifest.json.
func contentsOf(from io.Reader) (map[string]string, error) {
	found := map[string]string{}
	for archive := tar.NewReader(from); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			return nil, err
		}
		found[header.Name] = fmt.Sprintf("%x", sha256.Sum256(text))
		if header.Name == "manifest.json" {
			found[header.Name] = string(text)
		}
	}
}

// take returns what was loaded since the last call.
func (e *engine) take() map[string]string {
	e.mu.Lock()
	defer e.mu.Unlock()
	loaded := e.loaded
	e.loaded = nil
	return loaded
}

// compareLoad has both clients load the image into the same engine.
func (l *laboratory) compareLoad(t *testing.T) {
	l = l.in(t)
	l.u.withDocker()
	e := newEngine(t)
	l.u.env["DOCKER_HOST"] = "unix://" + e.socket
	context := dockerfile(t, "FROM BASE", "COPY Dockerfile /etc/")
	id := filepath.Join(t.TempDir(), "id")
	flags := []string{"--load", "--provenance=false", "-t", "team/app:1", "--iidfile", id, context}
	l.peer.build(t, flags...)
	theirs, theirID := e.take(), read(t, id)
	l.u.buildkit(append([]string{"build", "--builder", l.peer.pod}, flags...)...).ok()
	ours, ourID := e.take(), read(t, id)
	if !strings.Contains(ours["manifest.json"], `"docker.io/team/app:1"`) && !strings.Contains(ours["manifest.json"], `"team/app:1"`) {
		t.Errorf("the engine got %v", ours)
	}
	for _, name := range slices.Sorted(maps.Keys(merge(ours, theirs))) {
		if ours[name] != theirs[name] {
			t.Errorf("%s is %q, from docker buildx %q", name, ours[name], theirs[name])
		}
	}
	if ourID != theirID || !strings.Contains(ours["manifest.json"], strings.TrimPrefix(ourID, "sha256:")) {
		t.Errorf("the ID is %s, with docker buildx %s", ourID, theirID)
	}

	e.refuses = "no space left on device"
	l.u.buildkit(append([]string{"build", "--builder", l.peer.pod}, flags...)...).exits(1).says("no space left on device")
	l.u.env["DOCKER_HOST"] = "unix://" + filepath.Join(t.TempDir(), "none.sock")
	l.u.buildkit(append([]string{"build", "--builder", l.peer.pod}, flags...)...).exits(2).says("--load", "-o type=docker,dest=FILE")
	file := filepath.Join(t.TempDir(), "image.tar")
	l.u.buildkit("build", "--builder", l.peer.pod, "--provenance=false", "-t", "team/app:1", "-o", "type=docker,dest="+file, context).ok()
	if written, err := contentsOf(strings.NewReader(read(t, file))); err != nil || written["manifest.json"] != ours["manifest.json"] {
		t.Errorf("the file holds %v, %v", written, err)
	}
}
