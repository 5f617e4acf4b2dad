package request

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Cache has the flags of the cache: --no-cache, --no-cache-filter, --pull and those
// of external caches.
type Cache struct {
	NoCache       bool     // --no-cache
	NoCacheFilter []string // --no-cache-filter
	Pull          bool     // --pull
	CacheFrom     []string // --cache-from
	CacheTo       []string // --cache-to
	ImportCache   []string // --import-cache
	ExportCache   []string // --export-cache
}

func (o Cache) apply(r *Request, env Environment) error {
	if o.NoCache && len(o.NoCacheFilter) > 0 {
		return &usage.Error{
			What: "--no-cache-filter", Value: strings.Join(o.NoCacheFilter, ","), Reason: "--no-cache already runs every stage again",
			Next: "leave one of them out",
		}
	}
	if len(o.NoCacheFilter) > 0 {
		r.attrs["no-cache"] = strings.Join(o.NoCacheFilter, ",")
	}
	if o.NoCache {
		r.attrs["no-cache"] = ""
	}
	if o.Pull {
		r.attrs["image-resolve-mode"] = "pull"
	}
	return o.applyCaches(r, env)
}

// cacheFlag is one of the four flags that name external caches.
type cacheFlag struct {
	name   string
	export bool
}

// applyCaches applies --cache-from, --cache-to and buildctl's flags for them.
func (o Cache) applyCaches(r *Request, env Environment) error {
	for _, family := range []struct {
		flag   cacheFlag
		values []string
		into   *[]client.CacheOptionsEntry
	}{
		{cacheFlag{"--cache-to", true}, o.CacheTo, &r.cacheExports},
		{cacheFlag{"--export-cache", true}, o.ExportCache, &r.cacheExports},
		{cacheFlag{"--cache-from", false}, o.CacheFrom, &r.cacheImports},
		{cacheFlag{"--import-cache", false}, o.ImportCache, &r.cacheImports},
	} {
		for _, value := range family.values {
			entries, err := parseCache(family.flag, value)
			if err != nil {
				return err
			}
			for _, entry := range entries {
				reason, err := family.flag.complete(r, value, entry, env)
				if err != nil {
					return err
				}
				if reason != "" {
					r.warnings = append(r.warnings, fmt.Sprintf("%s %q is left out: %s", family.flag.name, value, reason))
					continue
				}
				*family.into = append(*family.into, entry)
			}
		}
	}
	return nil
}

// parseCache parses one value: a list of key=value, or references, each of a cache in
// a registry.
func parseCache(flag cacheFlag, value string) ([]client.CacheOptionsEntry, error) {
	if value == "" {
		return nil, nil
	}
	fields, err := parseFields(flag.name, value)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(value, "=") {
		entries := make([]client.CacheOptionsEntry, 0, len(fields))
		for _, f := range fields {
			entry := client.CacheOptionsEntry{Type: cacheRegistry, Attrs: map[string]string{"ref": f.value}}
			if err := flag.check(value, entry); err != nil {
				return nil, err
			}
			entries = append(entries, entry)
		}
		return entries, nil
	}
	entry := client.CacheOptionsEntry{Attrs: map[string]string{}}
	for _, f := range fields {
		switch f.key {
		case "":
			return nil, notPair(flag.name, value, f, "type=TYPE,key=value,…")
		case "type":
			entry.Type = f.value
		default:
			entry.Attrs[f.key] = f.value
		}
	}
	return []client.CacheOptionsEntry{entry}, flag.check(value, entry)
}

func (f cacheFlag) check(value string, entry client.CacheOptionsEntry) error {
	if entry.Type == "" {
		return f.wrong(value, "type= is missing", "use type="+strings.Join(cacheTypes(), ", "))
	}
	known := cacheAttributes(entry.Type, f.export)
	if known == nil {
		if entry.Type == cacheInline && !f.export {
			return f.wrong(value, "an inline cache is inside an image", "use type=registry,ref=IMAGE")
		}
		return f.wrong(value, `unknown type "`+entry.Type+`"`, "use type="+strings.Join(cacheTypes(), ", "))
	}
	for _, key := range sortedKeys(entry.Attrs) {
		kind, ok := known[key]
		if !ok {
			return f.wrong(value, `type=`+entry.Type+` has no attribute "`+key+`"`, "known are "+strings.Join(sortedKeys(known), ", "))
		}
		if reason, next := kind.check(key, entry.Attrs[key]); reason != "" {
			return f.wrong(value, reason, next)
		}
	}
	return f.checkPlace(value, entry)
}

// checkPlace returns an error if the attribute with the location of the cache is missing.
func (f cacheFlag) checkPlace(value string, entry client.CacheOptionsEntry) error {
	switch entry.Type {
	case cacheRegistry:
		ref := entry.Attrs["ref"]
		if ref == "" {
			return f.wrong(value, "ref= is missing", "add ref=registry/repository:tag")
		}
		if _, err := reference.ParseNormalizedNamed(ref); err != nil {
			return f.wrong(value, `"`+ref+`" is not a valid reference: `+err.Error(), tagAdvice(ref, err))
		}
	case cacheLocal:
		if key := f.place(); entry.Attrs[key] == "" {
			return f.wrong(value, key+"= is missing", "add "+key+"=DIR")
		}
	}
	return nil
}

// place returns the attribute with the directory of a local cache.
func (f cacheFlag) place() string {
	if f.export {
		return "dest"
	}
	return "src"
}

// complete adds values of this machine: absolute paths, tokens and keys. The reason
// is why the cache cannot be used here, which is not an error: the same command runs
// in a first build and outside of GitHub Actions.
func (f cacheFlag) complete(r *Request, value string, entry client.CacheOptionsEntry, env Environment) (reason string, err error) {
	switch entry.Type {
	case cacheRegistry:
		if f.export {
			preferManifest(entry.Attrs)
		}
	case cacheLocal:
		return f.completeLocal(r, value, entry, env)
	case cacheGitHub:
		return completeGitHub(entry.Attrs, env), nil
	case cacheS3:
		completeS3(entry.Attrs, env)
	}
	return "", nil
}

func (f cacheFlag) completeLocal(r *Request, value string, entry client.CacheOptionsEntry, env Environment) (reason string, err error) {
	dir := absolute(env, entry.Attrs[f.place()])
	entry.Attrs[f.place()] = dir
	info, err := safefile.Stat(dir)
	if err == nil && !info.IsDir() {
		return "", f.wrong(value, dir+" is a file", "name a directory")
	}
	if f.export {
		layout, err := export.NewLayout(dir)
		var unwritable *safefile.UnwritableError
		if errors.As(err, &unwritable) {
			return "", f.wrong(value, unwritable.Reason, unwritable.Next)
		}
		r.cacheLayouts[dir] = layout
		return "", err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "no cache in " + dir + " yet", nil
	}
	found, err := export.FindCache(dir, entry.Attrs["tag"], entry.Attrs["digest"])
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no cache in " + dir + " yet: " + err.Error(), nil
	case err != nil:
		return "", f.wrong(value, err.Error(), "name the directory that a build wrote with --cache-to type=local,dest=DIR")
	}
	entry.Attrs["digest"] = found
	return "", nil
}

// preferManifest sets the format that every registry accepts. The default of builders
// before v0.21 is an index, which Oracle's registry and others reject.
func preferManifest(attrs map[string]string) {
	if _, set := attrs["oci-mediatypes"]; !set {
		attrs["oci-mediatypes"] = "true"
	}
	if _, set := attrs["image-manifest"]; !set && imageindex.IsTrue(attrs["oci-mediatypes"]) {
		attrs["image-manifest"] = "true"
	}
}

func (f cacheFlag) wrong(value, reason, next string) error {
	return &usage.Error{What: f.name, Value: value, Reason: reason, Next: next}
}
