package e2e_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// The types by which a registry sees that a manifest is a build cache and no image.
const (
	cacheConfigType = "application/vnd.buildkit.cacheconfig.v0"
	ociIndexType    = "application/vnd.oci.image.index.v1+json"
	listType        = "application/vnd.docker.distribution.manifest.list.v2+json"
)

// pickyRegistry is the open registry behind a front that refuses some manifests, as registries of clouds do.
func pickyRegistry(t *testing.T, status int, refuses func(kind, manifest string) bool) registry {
	t.Helper()
	return behindFront(t, openRegistry(t), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
			manifest, err := io.ReadAll(r.Body)
			if err != nil || refuses(r.Header.Get("Content-Type"), string(manifest)) {
				w.WriteHeader(status)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(manifest))
		}
		pass.ServeHTTP(w, r)
	})
}

// behindFront puts a front with plain HTTP before the registry. Both the test and the builder's Pod reach it.
func behindFront(t *testing.T, reg registry, answer func(w http.ResponseWriter, r *http.Request, pass http.Handler)) registry {
	t.Helper()
	behind := &url.URL{Scheme: reg.scheme, Host: reg.host}
	proxy := &httputil.ReverseProxy{Transport: reg.client.Transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(behind)
		r.Out.Host = r.In.Host // so that the registry's URLs lead here again
		r.Out.Header.Set("X-Forwarded-Proto", "http")
	}}
	reg.host = serveBesideRegistry(t, func(w http.ResponseWriter, r *http.Request) { answer(w, r, proxy) })
	reg.scheme = "http"
	return reg
}

// refusesIndexes takes images of several manifests, but no cache that looks like one: Oracle's registry, older ECR.
func refusesIndexes(kind, manifest string) bool {
	return (kind == ociIndexType || kind == listType) && strings.Contains(manifest, cacheConfigType)
}

// refusesCaches takes nothing but images: Quay, Harbor.
func refusesCaches(_, manifest string) bool { return strings.Contains(manifest, cacheConfigType) }

// By default a cache has a form that registries take which refuse indexes.
func TestCacheInARegistryThatRefusesIndexes(t *testing.T) {
	u, reg := newUser(t), pickyRegistry(t, http.StatusBadRequest, refusesIndexes)
	u.builder("--insecure-registry", reg.host)
	context := dockerfile(t, "FROM BASE", "RUN echo hello")
	tag, cache := reg.name(u)+":1", reg.name(u)+":cache"
	u.buildkit("build", "-t", tag, "--push", "--cache-to", "type=registry,ref="+cache, context).ok()
	if reg.digest(tag) == "" || reg.digest(cache) == "" {
		t.Errorf("the registry has image %q, cache %q", reg.digest(tag), reg.digest(cache))
	}
	u.buildkit("build", "--no-cache", "-t", tag+"-index", "--push", "--cache-to", "type=registry,ref="+cache+"-index,image-manifest=false", context).exits(1).
		says(reg.host, "400 Bad Request", "the image is pushed: "+tag+"-index@"+reg.digest(tag+"-index"),
			cache+"-index,image-manifest=true,oci-mediatypes=true", "ignore-error=true", "type=local")
}

// Where no cache is taken, the image is pushed all the same, and a directory takes the cache.
func TestCacheInARegistryThatRefusesCaches(t *testing.T) {
	u, reg := newUser(t), pickyRegistry(t, http.StatusNotFound, refusesCaches)
	u.builder("--insecure-registry", reg.host)
	context := dockerfile(t, "FROM BASE", "RUN echo hello")
	tag, cache := reg.name(u)+":1", reg.name(u)+":cache"
	metadata, id, ref := filepath.Join(u.home, "metadata.json"), filepath.Join(u.home, "iid"), filepath.Join(u.home, "ref")
	refused := u.buildkit("build", "-t", tag, "--push", "--cache-to", "type=registry,ref="+cache,
		"--metadata-file", metadata, "--iidfile", id, "--ref-file", ref, context).exits(1)
	digest := reg.digest(tag)
	if digest == "" {
		t.Fatalf("the image was not pushed\n%s", refused.all())
	}
	refused.says(reg.host, "404 Not Found", "the image is pushed: "+tag+"@"+digest, "ref="+cache+",ignore-error=true", "type=local").
		neverSays("image-manifest=true")
	if got := read(t, metadata); !strings.Contains(got, digest) || !strings.Contains(got, "buildx.build.provenance") || !strings.Contains(got, read(t, ref)) {
		t.Errorf("the metadata of the pushed image are\n%s", got)
	}
	if got := read(t, id); !strings.HasPrefix(got, "sha256:") {
		t.Errorf("the image ID is %q", got)
	}

	ignored := u.buildkit("build", "-t", tag+"-ignored", "--push", "--cache-to", "type=registry,ref="+cache+",ignore-error=true", context).ok()
	if want := tag + "-ignored@" + reg.digest(tag+"-ignored"); ignored.line1() != want {
		t.Errorf("printed %q, want %q", ignored.line1(), want)
	}

	dir := filepath.Join(u.home, "cache")
	u.buildkit("build", "-t", tag+"-local", "--push", "--cache-to", "type=local,dest="+dir+",mode=max", context).ok()
	u.buildkit("uninstall").ok()
	u.builder("--insecure-registry", reg.host)
	u.buildkit("build", "--progress=plain", "-o", "type=cacheonly", "--cache-from", "type=local,src="+dir, context).ok().says("CACHED")
}
