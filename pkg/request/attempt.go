package request

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/session"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/export"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/upload"
)

// Attempt is a request that is sent once: its options, and the output files, which
// get their names by Commit.
type Attempt struct {
	Options    client.SolveOpt
	Definition *llb.Definition       // the steps of a build without a frontend; else nil
	Subrequest string                // the request to the frontend in place of a build, e.g. "frontend.lint"
	Stages     map[string]string     // stages to build first, by the context that each one is
	Dockerfile *buildcontext.Fetched // downloaded first; nil if it is on this machine
	Policies   []string              // files that must not be in the context that the daemon downloads
	Upload     upload.Options
	files      []export.Staged
	places     []string // local paths that write errors may contain
	unwritten  atomic.Pointer[error]
	pushed     string
}

// Attempt returns new options, with a new reference, which share nothing with a
// previous attempt. The attachables serve the session.
func (r *Request) Attempt(attachables ...session.Attachable) *Attempt {
	a := &Attempt{pushed: r.pushed(), Upload: r.upload, Definition: r.definition, Stages: r.context.Stages(), Dockerfile: r.context.Fetched(), Options: client.SolveOpt{
		Ref:                 identity.NewID(),
		Frontend:            r.frontend,
		FrontendAttrs:       maps.Clone(r.attrs),
		Session:             slices.Concat(attachables, r.session),
		AllowedEntitlements: slices.Clone(r.allowed),
		SourcePolicy:        r.policy,
		ProxyNetwork:        r.proxyNetwork,
		CacheExports:        cloneCaches(r.cacheExports),
		CacheImports:        cloneCaches(r.cacheImports),
	}}
	r.noteRef(a.Options.Ref)
	r.context.Apply(&a.Options)
	a.Upload.Directories = r.context.Directories()
	a.Policies = r.remotePolicies(a.Options.FrontendAttrs)
	if r.call != nil {
		a.ask(r.call.name)
		return a
	}
	a.stageCaches(r.cacheLayouts)
	for _, out := range r.outputs {
		if entry, ok := out.entry(a); ok {
			a.Options.Exports = append(a.Options.Exports, entry)
		}
	}
	return a
}

// ask changes the build to a subrequest, which is not recorded in the history.
func (a *Attempt) ask(name string) {
	a.Subrequest = subrequestPrefix + name
	a.Options.Internal = true
	a.Options.CacheExports = nil
	attrs := a.Options.FrontendAttrs
	attrs["requestid"] = a.Subrequest
	if attrs["frontend.caps"] != "" {
		attrs["frontend.caps"] += ","
	}
	attrs["frontend.caps"] += subrequestsCap
}

// cloneCaches returns copies, since the client adds digests.
func cloneCaches(entries []client.CacheOptionsEntry) []client.CacheOptionsEntry {
	cloned := slices.Clone(entries)
	for i := range cloned {
		cloned[i].Attrs = maps.Clone(cloned[i].Attrs)
	}
	return cloned
}

// stageCaches makes caches in directories be received in hidden directories.
func (a *Attempt) stageCaches(layouts map[string]*export.Layout) {
	for _, entry := range a.Options.CacheExports {
		if layout := layouts[entry.Attrs["dest"]]; layout != nil && entry.Type == cacheLocal {
			staged := layout.Begin()
			a.files = append(a.files, staged)
			a.places = append(a.places, layout.Places()...)
			entry.Attrs["dest"] = staged.Receiving()
		}
	}
}

// Names reports whether an error's text contains a local path that the attempt
// writes to.
func (a *Attempt) Names(text string) bool {
	return slices.ContainsFunc(a.places, func(place string) bool { return strings.Contains(text, place) })
}

// Unwritten returns why what the daemon sends could not be written on this machine, if that is what
// the daemon's text is about: it repeats the error of an archive, and the end or a path of a
// directory.
func (a *Attempt) Unwritten(text string) error {
	if failed := a.unwritten.Load(); failed != nil && strings.Contains(text, (*failed).Error()) {
		return *failed
	}
	if !strings.HasSuffix(text, "EOF") && !a.Names(text) {
		return nil
	}
	for _, file := range a.files {
		if tree, ok := file.(interface{ Unwritten() error }); ok {
			if err := tree.Unwritten(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Commit gives the output files their names. It is called after the build has
// succeeded.
func (a *Attempt) Commit() error {
	for _, file := range a.files {
		if err := file.Commit(); err != nil {
			return err
		}
	}
	return nil
}

// Interrupt ends the wait for a docker engine that hangs, or a pipe without a
// reader. Discard must still be called.
func (a *Attempt) Interrupt() {
	for _, file := range a.files {
		file.Interrupt()
	}
}

// Discard removes the output files of a failed build.
func (a *Attempt) Discard() {
	for _, file := range a.files {
		file.Discard()
	}
}

// Result returns the result of the build from the daemon's response to this attempt.
func (a *Attempt) Result(response map[string]string) *result.Result {
	built := result.New(a.Options.Ref, a.pushed, response)
	for _, file := range a.files {
		if tree, ok := file.(*safefile.StagedTree); ok && len(tree.Plain()) > 0 {
			built.AddNotice(noticeOfPlain(tree.Plain()))
		}
	}
	return built
}

// noticeOfPlain returns the notice about files that have lost their privileges.
func noticeOfPlain(names []string) string {
	const shown = 3
	text := strings.Join(names[:min(len(names), shown)], ", ")
	if more := len(names) - shown; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return "setuid and setgid bits and file capabilities were removed from " + text + "; add " + specialAttr + "=true to --output to keep them"
}
