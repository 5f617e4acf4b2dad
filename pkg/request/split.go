package request

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// multiPlatformAttr makes the frontend treat a build of one platform as one of several: the result
// is an index, directories are split by platform, and the names of steps have the platform.
const multiPlatformAttr = "multi-platform"

// Share is what one builder makes of a request that several builders run.
type Share struct {
	// Platforms are some of those of the request, in their order.
	Platforms []string
	// Suffix tells the caches that this builder writes from those of the others, e.g. "-arm64"; it
	// is empty for the first one.
	Suffix string
}

// Push is what is pushed of a build by several builders.
type Push struct {
	Names    []string // references, as typed
	ByDigest bool     // no tags are pushed
	// Annotations are those of the index, and Descriptor those of its descriptor.
	Annotations, Descriptor map[string]string
}

// Split are the requests of several builders that together are one build.
type Split struct {
	Requests []*Request
	Push     *Push // nil if nothing is pushed
	received []*export.Collection
}

// Split returns the request of each share. Images are pushed by their digests alone, and what comes
// to this machine is kept until Merge. The error is a *usage.Error for what several builders cannot
// make.
func (r *Request) Split(shares []Share) (*Split, error) {
	if err := r.checkSplit(); err != nil {
		return nil, err
	}
	s := &Split{}
	for _, share := range shares {
		s.Requests = append(s.Requests, r.share(share))
	}
	for _, out := range r.outputs {
		if err := s.add(out, shares, r.Platforms()); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// add adds the output to each request.
func (s *Split) add(out output, shares []Share, platforms []string) error {
	index, descriptor, err := imageindex.Annotations(out.attrs)
	if err != nil {
		return err
	}
	if names, byDigest := imageindex.Names(out.attrs); out.pushes() {
		s.Push = &Push{Names: names, ByDigest: byDigest, Annotations: index, Descriptor: descriptor}
	}
	var received *export.Collection
	if out.to != nil {
		o := export.Merging{Platforms: platforms, Annotations: index, Descriptor: descriptor}
		for _, share := range shares {
			o.Parts = append(o.Parts, share.Platforms)
		}
		if received, err = export.Collect(out.to, out.isImage(), o); err != nil {
			return out.unwritable(err)
		}
		s.received = append(s.received, received)
	}
	for n, share := range shares {
		own, err := out.share(share)
		if err != nil {
			return err
		}
		if received != nil {
			own.dest, own.target, own.to = "", nil, received.Part(n)
		}
		s.Requests[n].outputs = append(s.Requests[n].outputs, own)
	}
	return nil
}

// Merge merges what came to this machine of all builders, still without its name. It returns the
// index of the image in it; nil if there is none.
func (s *Split) Merge() (index *imageindex.Index, err error) {
	for _, received := range s.received {
		found, err := received.Merge()
		if err != nil {
			return nil, err
		}
		if found != nil {
			index = found
		}
	}
	return index, nil
}

// Commit gives what was merged its name, and adds to the result what is noteworthy of it.
func (s *Split) Commit(built *result.Result) error {
	for _, received := range s.received {
		if err := received.Commit(); err != nil {
			return err
		}
		if plain := received.Plain(); len(plain) > 0 {
			built.AddNotice(noticeOfPlain(plain))
		}
	}
	return nil
}

// Discard removes what came to this machine and was not committed.
func (s *Split) Discard() {
	for _, received := range s.received {
		received.Discard()
	}
}

// checkSplit returns an error for what one builder can do, and several cannot.
func (r *Request) checkSplit() error {
	if !r.context.Replayable() {
		return &usage.Error{
			What: "PATH", Value: stdio, Reason: "standard input can be read once, and the builders of several platforms need it",
			Next: "unpack it into a directory and name that, or build one platform at a time",
		}
	}
	pushes := 0
	for _, out := range r.outputs {
		if !out.pushes() {
			continue
		}
		if pushes++; pushes > 1 {
			return out.wrong("the platforms are built by several builders, which push one output", "give all names in one output, or one with each --tag")
		}
		if slices.Contains(strings.Split(out.attrs["name"], ","), "*") {
			return out.wrong("the platforms are built by several builders, and the name is not known before", "add --tag registry/repository:tag")
		}
	}
	return nil
}

// share returns the request without outputs, for these platforms alone. What is written once for
// all is missing.
func (r *Request) share(of Share) *Request {
	part := &Request{
		context: r.context, frontend: r.frontend, attrs: maps.Clone(r.attrs), cacheLayouts: r.cacheLayouts, session: r.session, allowed: r.allowed,
		gitOverSSH: r.gitOverSSH, source: r.source, plain: r.plain, proxyNetwork: r.proxyNetwork, dockerfile: r.dockerfile,
		policy: r.policy, policyDisabled: r.policyDisabled, attested: r.attested, noArtifact: r.noArtifact, outputAttrs: r.outputAttrs,
		tags: r.tags, platforms: len(of.Platforms), upload: r.upload, keptSecrets: r.keptSecrets,
	}
	part.attrs["platform"], part.attrs[multiPlatformAttr] = strings.Join(of.Platforms, ","), strconv.FormatBool(true)
	part.cacheExports, part.cacheImports = cloneCaches(r.cacheExports), cloneCaches(r.cacheImports)
	if of.Suffix == "" {
		return part
	}
	for _, entry := range part.cacheExports {
		tellApart(entry, of.Suffix)
	}
	own := cloneCaches(r.cacheImports)
	own = slices.DeleteFunc(own, func(entry client.CacheOptionsEntry) bool { return !tellApart(entry, of.Suffix) || !exists(entry) })
	part.cacheImports = append(own, part.cacheImports...)
	return part
}

// share returns the output for some of the platforms.
func (o output) share(of Share) (output, error) {
	attrs, err := imageindex.PartAttributes(o.attrs, of.Platforms)
	if err != nil {
		return o, err
	}
	if name, named := o.attrs["name"]; named && !o.pushes() {
		attrs["name"] = name // stays in the builder, or is in the archive
	}
	o.attrs = attrs
	return o, nil
}

// tellApart changes the name of a cache, which builders would overwrite for each other. It returns
// false for one that needs none.
func tellApart(entry client.CacheOptionsEntry, suffix string) bool {
	key, unnamed := "", ""
	switch entry.Type {
	case cacheRegistry:
		key = "ref"
	case cacheLocal:
		key, unnamed = "tag", "latest"
	case cacheS3, cacheAzure:
		key, unnamed = "name", "buildkit"
	case cacheGitHub:
		key, unnamed = "scope", "buildkit"
	default:
		return false
	}
	name := entry.Attrs[key]
	if name == "" {
		name = unnamed
	}
	if named, err := reference.ParseNormalizedNamed(name); key == "ref" && err == nil && reference.IsNameOnly(named) {
		name += ":latest"
	}
	// A cache in S3 may have several names.
	entry.Attrs[key] = strings.ReplaceAll(name, ";", suffix+";") + suffix
	return true
}

// exists reports whether a cache may be imported. One in a directory is named by its digest.
func exists(entry client.CacheOptionsEntry) bool {
	if entry.Type != cacheLocal {
		return true
	}
	found, err := export.FindCache(entry.Attrs["src"], entry.Attrs["tag"], "")
	entry.Attrs["digest"] = found
	return err == nil
}
