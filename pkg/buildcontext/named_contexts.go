package buildcontext

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/identity"
	digest "github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Named is an additional context: --build-context NAME=VALUE.
type Named struct {
	Typed string // as the user typed it
	Name  string // its name in the Dockerfile, e.g. "alpine" or "alpine:3"
	Value string // a directory, a URL, docker-image://, oci-layout:// or target:
}

const (
	namedFlag    = "--build-context"
	namedAttr    = "context:"
	sharedAttr   = "sharedkey:localdir:"
	imageScheme  = "docker-image://"
	layoutScheme = "oci-layout://"
	targetScheme = "target:"
	contextsCap  = "moby.buildkit.frontend.contexts+forward"
)

// addNamed classifies a named context. The client sends directories and layouts; the
// daemon downloads everything else.
func (c *Context) addNamed(ctx context.Context, in Named, env Environment) error {
	c.addCap(contextsCap)
	target, isTarget := strings.CutPrefix(in.Value, targetScheme)
	switch {
	case isTarget && target == "":
		return in.wrong("the stage is missing", "use "+in.Name+"="+targetScheme+"STAGE")
	case isTarget:
		c.stages[in.Name] = target
		return nil
	case strings.HasPrefix(in.Value, imageScheme):
		name := strings.TrimPrefix(in.Value, imageScheme)
		if _, err := reference.ParseNormalizedNamed(name); err != nil {
			return in.wrong(`"`+name+`" is not an image: `+err.Error(), "use "+in.Name+"="+imageScheme+"IMAGE")
		}
		c.attrs[namedAttr+in.Name] = in.Value
		return nil
	case strings.HasPrefix(in.Value, layoutScheme):
		return c.addLayout(in, env)
	}
	source := Classify(in.Value, env)
	if source.Kind == Git || source.Kind == URL {
		return c.addRemote(in, source)
	}
	return c.addDirectory(ctx, in, env.path(in.Value))
}

func (c *Context) addRemote(in Named, source Source) error {
	if err := source.invalid(); err != nil {
		return in.wrong(err.Error(), "name a directory, a URL, docker-image://IMAGE, oci-layout://DIR or target:STAGE")
	}
	if source.Kind == Git && hasQuery(source.URL) {
		c.addCap(gitQueryCap + "+forward")
	}
	c.attrs[namedAttr+in.Name] = source.URL
	return nil
}

func (c *Context) addDirectory(ctx context.Context, in Named, dir string) error {
	info, err := safefile.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return in.wrong("no such directory: "+dir, "name a directory, a URL, docker-image://IMAGE, oci-layout://DIR or target:STAGE")
	case err != nil:
		return in.wrong(plain(err), "")
	case !info.IsDir():
		return in.wrong(dir+" is a file", "name its directory")
	}
	rules, err := ignoredIn(dir)
	if err != nil {
		return err
	}
	mount := in.Name
	if mount == contextMount || mount == dockerfileMount {
		mount = "_" + mount // the main context uses these names
	}
	if err := c.send(ctx, mount, dir, rules.patterns); err != nil {
		return in.wrong(plain(err), "")
	}
	c.attrs[namedAttr+in.Name] = "local:" + mount
	c.keyed[sharedAttr+in.Name] = mount
	return nil
}

// addLayout opens the layout under a random name, which is the only one that the
// daemon knows.
func (c *Context) addLayout(in Named, env Environment) error {
	dir, tag, dgst := parseLayout(strings.TrimPrefix(in.Value, layoutScheme))
	dir = env.path(dir)
	store, err := openLayout(dir)
	if err == nil {
		_, err = store.root.Lstat(ocispecs.ImageIndexFile)
	}
	if err != nil {
		return in.wrong("no OCI layout in "+dir+": "+plain(err), "name the directory that has index.json")
	}
	if dgst == "" {
		if dgst, err = store.find(tag); err != nil {
			return in.wrong(err.Error(), "name what the layout holds: "+in.Name+"="+layoutScheme+"DIR:TAG or DIR@sha256:…")
		}
	}
	if c.layouts == nil {
		c.layouts = map[string]content.Store{}
	}
	id := identity.NewID()
	c.layouts[id] = store
	ref := layoutScheme + id
	if tag != "" {
		ref += ":" + tag
	}
	c.attrs[namedAttr+in.Name] = ref + "@" + dgst.String()
	return nil
}

// parseLayout parses DIR[:TAG][@DIGEST].
func parseLayout(text string) (dir, tag string, dgst digest.Digest) {
	dir = text
	if at := strings.LastIndex(dir, "@"); at >= 0 {
		if parsed, err := digest.Parse(dir[at+1:]); err == nil {
			dir, dgst = dir[:at], parsed
		}
	}
	if colon := strings.LastIndex(dir, ":"); colon > 1 || (colon == 1 && !strings.ContainsAny(dir[2:], `/\`)) {
		if after := dir[colon+1:]; reference.TagRegexp.FindString(after) == after && after != "" {
			dir, tag = dir[:colon], after
		}
	}
	if tag == "" && dgst == "" {
		tag = "latest"
	}
	return dir, tag, dgst
}

func (c *Context) addCap(name string) {
	caps := strings.FieldsFunc(c.attrs[capsAttr], func(r rune) bool { return r == ',' })
	if !slices.Contains(caps, name) {
		caps = append(caps, name)
		slices.Sort(caps)
		c.attrs[capsAttr] = strings.Join(caps, ",")
	}
}

func (in Named) wrong(reason, next string) error {
	return &usage.Error{What: namedFlag, Value: in.Typed, Reason: reason, Next: next}
}

// Images returns the references of the named contexts that are images.
func (c *Context) Images() (references []string) {
	for _, value := range c.attrs {
		if image, found := strings.CutPrefix(value, "docker-image://"); found {
			references = append(references, image)
		}
	}
	return references
}
