package imagetags

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/distribution/reference"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

const (
	// attempts is how often a request is sent if its errors are transient.
	attempts = 4
	// pause is the wait before the second attempt; it doubles.
	pause = 300 * time.Millisecond
	// longestWait is the longest wait that a registry may ask for.
	longestWait = 30 * time.Second
	// requestLimit is the timeout of one request.
	requestLimit = 20 * time.Second
	// moveLimit is the timeout for moving all tags, and that for putting all back.
	moveLimit = 2 * time.Minute
	// interruptLimit is what is left of each after the caller's context has ended.
	interruptLimit = 15 * time.Second
)

// Options change how an index is published.
type Options struct {
	// ByDigest writes the index into the repositories, and moves no tag.
	ByDigest bool

	pause, request, interrupt time.Duration // in place of the constants; 0 for those
}

// Outcome is what was published.
type Outcome struct {
	// Overtaken are the tags, e.g. r.io/a:1, that another client has moved since.
	Overtaken []string
}

// Publish writes the index into the repositories of the references, and moves the tags in them to
// it; a reference without a tag has the tag latest. The manifests of the index must be there. It
// reads nothing else from the registries than the index and the tags.
//
// Without an error every tag was moved. A *Error names the tags that are not as before. Once the
// first tag is moved, the end of ctx does not stop it: it finishes, or puts all back, in 30
// seconds.
func Publish(ctx context.Context, p *registryauth.Provider, references []string, index *imageindex.Index, o Options) (*Outcome, error) {
	o.pause, o.request, o.interrupt = cmp.Or(o.pause, pause), cmp.Or(o.request, requestLimit), cmp.Or(o.interrupt, interruptLimit)
	m := &move{options: o, index: index, manifest: registryauth.Manifest{MediaType: index.MediaType, Text: index.Text}}
	if err := m.parse(p, references); err != nil {
		return nil, err
	}
	if err := m.store(ctx); err != nil {
		return nil, m.unchanged("writing the index", err)
	}
	if o.ByDigest {
		return &Outcome{}, nil
	}
	if err := m.remember(ctx); err != nil {
		return nil, m.unchanged("reading the tags", err)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, m.unchanged("moving the tags", err)
	}
	return m.moveAll(ctx)
}

// Fetch returns the index or the manifest with the digest from the repository of the reference. The
// bytes have the digest.
func Fetch(ctx context.Context, p *registryauth.Provider, repository, digest string) ([]byte, error) {
	from, err := p.Repository(repository)
	if err != nil {
		return nil, err
	}
	var got registryauth.Manifest
	err = Options{pause: pause, request: requestLimit}.retry(ctx, func(ctx context.Context) (err error) {
		var found bool
		if got, found, err = from.Get(ctx, digest); err == nil && !found {
			err = &MissingError{Reference: from.Name() + "@" + digest}
		}
		return err
	})
	return got.Text, err
}

// parse fills in the repositories and the tags, without duplicates.
func (m *move) parse(p *registryauth.Provider, references []string) error {
	known := map[string]*registryauth.Repository{}
	tags := map[string]bool{}
	for _, text := range references {
		named, err := reference.ParseNormalizedNamed(text)
		if err != nil {
			return fmt.Errorf("parsing the reference %q: %w", text, err)
		}
		name := reference.TrimNamed(named).String()
		if known[name] == nil {
			if known[name], err = p.Repository(name); err != nil {
				return err
			}
			m.repositories = append(m.repositories, known[name])
		}
		tagged, has := reference.TagNameOnly(named).(reference.Tagged)
		if !has || tags[name+":"+tagged.Tag()] {
			continue
		}
		tags[name+":"+tagged.Tag()] = true
		m.tags = append(m.tags, &tag{name: tagged.Tag(), in: known[name]})
	}
	return nil
}
