package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imagetags"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// crew is a build that several builders of a family do, each the platforms that it has members of.
type crew struct {
	split *request.Split
	parts []*build
	names []share // of the parts
	end   context.CancelCauseFunc
}

// label is what the display shows of a part.
func (s share) label() string { return strings.Join(s.platforms, ",") }

// join connects to the other builders of the build, if there are any.
func (b *build) join(ctx context.Context, over *spread) error {
	if len(over.shares) < 2 {
		return nil
	}
	var shares []request.Share
	for _, each := range over.shares {
		shares = append(shares, request.Share{Platforms: each.platforms, Suffix: strings.TrimPrefix(each.builder, over.name)})
	}
	split, err := b.request.Split(shares)
	if err != nil {
		return err
	}
	b.crew = &crew{split: split, names: over.shares}
	peers, order := solve.NewPeers(len(shares)), ranks(over.shares)
	for i, each := range over.shares {
		part := *b
		part.crew, part.request, part.peer = nil, split.Requests[i], peers[order[i]]
		if part.options.Connect.Builder = each.builder; i > 0 {
			part.connection = nil
		}
		b.crew.parts = append(b.crew.parts, &part)
	}
	return b.crew.connect(ctx, b.options.Provide)
}

// connect connects to all builders but the first, which is connected, side by side. The first that
// cannot be connected to ends the others. A builder that is missing is provided one at a time,
// since that may ask the user.
func (c *crew) connect(ctx context.Context, provide Provide) error {
	ctx, c.end = context.WithCancelCause(ctx)
	var one sync.Mutex
	_, err := c.each(func(i int, part *build) (err error) {
		if i == 0 {
			return nil
		}
		if provide != nil {
			part.options.Provide = func(ctx context.Context, why error) (bool, error) {
				one.Lock()
				defer one.Unlock()
				return provide(ctx, why)
			}
		}
		part.connection, err = part.driver.connectOrProvide(ctx, &part.options, part.credentials)
		return err
	}, c.end)
	return err
}

// each calls do for all parts at the same time. It returns the part that failed first, and its
// error, which is passed to failed meanwhile.
func (c *crew) each(do func(i int, part *build) error, failed func(error)) (first *build, why error) {
	var once sync.Once
	var all sync.WaitGroup
	for i, part := range c.parts {
		all.Go(func() {
			if err := do(i, part); err != nil {
				once.Do(func() {
					first, why = part, err
					failed(err)
				})
			}
		})
	}
	all.Wait()
	return first, why
}

// close ends all connections, and removes what was received and not committed.
func (c *crew) close() {
	c.end(nil)
	for _, part := range c.parts {
		if part.connection != nil {
			part.close()
		}
	}
	c.split.Discard()
}

// solve builds all parts side by side, and makes one result of theirs. The first part that fails
// ends the others, and its error is returned. A cache that a registry has rejected is not a
// failure.
func (c *crew) solve(ctx context.Context, b *build, display *progress.Display, traced solve.Display, pushes *preflight) (*result.Result, error) {
	building, end := context.WithCancelCause(ctx)
	defer end(nil)
	results, rejected := make([]*result.Result, len(c.parts)), make([]error, len(c.parts))
	part, err := c.each(func(i int, part *build) error {
		doubts := pushes
		if i > 0 {
			doubts = nil // they are about the same registries
		}
		built, err := part.solve(building, display, progress.Label(traced, c.names[i].label()), doubts)
		if results[i], rejected[i] = built, err; built != nil {
			return nil
		}
		return err
	}, end)
	if err != nil {
		return nil, part.failed(ctx, err)
	}
	built, err := c.merge(ctx, b, display, results)
	if err != nil {
		return nil, err
	}
	return built, c.rejected(rejected, built)
}

// rejected returns the rejected caches of the parts, with what was pushed in the end.
func (c *crew) rejected(errs []error, built *result.Result) error {
	for _, err := range errs {
		var refused *solve.CacheRefusedError
		if errors.As(err, &refused) {
			refused.Pushed = built.Line()
		}
	}
	return errors.Join(errs...)
}

// merge makes one image of those of the parts, and gives it its names: those on this machine, and
// in the registries all tags or none.
func (c *crew) merge(ctx context.Context, b *build, display *progress.Display, results []*result.Result) (*result.Result, error) {
	parts := make([]result.Part, len(results))
	_, err := c.each(func(i int, part *build) error {
		member := part.connection.Member
		results[i].AddBuilder(member.Builder, member.Pod)
		parts[i] = result.Part{Platforms: c.names[i].platforms, Result: results[i]}
		if err := results[i].Check(); err != nil {
			return err
		}
		if b.request.Files().Metadata == nil {
			return nil
		}
		return part.addProvenance(ctx, results[i])
	}, ignore)
	if err != nil {
		return nil, err
	}
	index, err := c.split.Merge()
	if err != nil {
		return nil, err
	}
	push := c.split.Push
	if push == nil {
		built := result.Merge(parts, descriptorOf(index, nil), "", nil)
		return built, c.split.Commit(built)
	}
	end := display.Step(fmt.Sprintf("[merge] publishing %s for %s", strings.Join(push.Names, ", "), strings.Join(b.request.Platforms(), ", ")))
	index, err = c.publish(ctx, b, push, results, b.driver.showOn(display, b.options.Progress.Mode))
	if end(err); err != nil {
		return nil, err
	}
	built := result.Merge(parts, descriptorOf(index, push.Descriptor), push.Names[0], push.Names)
	return built, c.split.Commit(built)
}

func ignore(error) {}

func descriptorOf(index *imageindex.Index, annotations map[string]string) *ocispecs.Descriptor {
	if index == nil {
		return nil
	}
	descriptor := index.Descriptor(annotations)
	return &descriptor
}

// publish reads the index that each builder has pushed, and pushes the one of all.
func (c *crew) publish(ctx context.Context, b *build, push *request.Push, results []*result.Result, show func(Notice)) (*imageindex.Index, error) {
	parts := make([]imageindex.Part, len(results))
	_, err := c.each(func(i int, part *build) (err error) {
		parts[i] = imageindex.Part{From: part.connection.Member.Pod, Platforms: c.names[i].platforms}
		if parts[i].Descriptor, err = results[i].Descriptor(); err != nil {
			return err
		}
		parts[i].Text, err = imagetags.Fetch(ctx, b.credentials, push.Names[0], parts[i].Descriptor.Digest.String())
		return err
	}, ignore)
	if err != nil {
		return nil, err
	}
	index, err := imageindex.Merge(parts, imageindex.Options{Platforms: b.request.Platforms(), Annotations: push.Annotations})
	if err != nil {
		return nil, err
	}
	outcome, err := imagetags.Publish(ctx, b.credentials, push.Names, index, imagetags.Options{ByDigest: push.ByDigest})
	if err != nil {
		return nil, err
	}
	for _, tag := range outcome.Overtaken {
		show(Notice{Warning: true, Text: fmt.Sprintf("another client has moved the tag %q since", tag)})
	}
	return index, nil
}

// members are those that a build has run on.
func (b *build) members() []cluster.Member {
	if b.crew == nil {
		return []cluster.Member{b.connection.Member}
	}
	var all []cluster.Member
	for _, part := range b.crew.parts {
		all = append(all, part.connection.Member)
	}
	return all
}

// refs are the references of the build in the histories of its builders.
func (b *build) refs() (refs []string) {
	requests := []*request.Request{b.request}
	if b.crew != nil {
		requests = b.crew.split.Requests
	}
	for _, each := range requests {
		if ref := each.Ref(); ref != "" {
			refs = append(refs, ref)
		}
	}
	return refs
}

// ranks returns the rank of each share, by the names of the builders: clients may name the
// platforms in different orders.
func ranks(shares []share) []int {
	var names []string
	for _, each := range shares {
		names = append(names, each.builder)
	}
	sorted := slices.Sorted(slices.Values(names))
	order := make([]int, len(names))
	for i, name := range names {
		order[i] = slices.Index(sorted, name)
	}
	return order
}
