package imagetags

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/imageindex"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

// tag is a tag that is to be moved.
type tag struct {
	name    string
	in      *registryauth.Repository
	former  registryauth.Manifest // what it pointed at
	existed bool
	placed  bool // it pointed at the index already
	seen    bool // it was moved, and seen to be so
}

func (t *tag) reference() string { return t.in.Name() + ":" + t.name }

// move moves the tags to one index.
type move struct {
	options      Options
	index        *imageindex.Index
	manifest     registryauth.Manifest // the index
	repositories []*registryauth.Repository
	tags         []*tag
}

// store writes the index into all repositories, and reads it back: a registry may confirm what it
// does not keep.
func (m *move) store(ctx context.Context) error {
	at := m.index.Digest.String()
	return errors.Join(sideBySide(m.repositories, func(to *registryauth.Repository) error {
		if err := m.options.retry(ctx, func(ctx context.Context) error { return to.Put(ctx, at, m.manifest) }); err != nil {
			return err
		}
		return m.options.retry(ctx, func(ctx context.Context) error {
			_, found, err := to.Get(ctx, at) // which verifies the digest
			if err == nil && !found {
				return &MissingError{Reference: to.Name() + "@" + at, Written: true}
			}
			return err
		})
	})...)
}

// remember reads what the tags point at.
func (m *move) remember(ctx context.Context) error {
	return errors.Join(sideBySide(m.tags, func(t *tag) error {
		return m.options.retry(ctx, func(ctx context.Context) (err error) {
			t.former, t.existed, err = t.in.Get(ctx, t.name)
			t.placed = err == nil && t.existed && bytes.Equal(t.former.Text, m.index.Text)
			return err
		})
	})...)
}

// moveAll moves all tags, and puts them back if one cannot be moved.
func (m *move) moveAll(ctx context.Context) (*Outcome, error) {
	moving, done := m.options.outlive(ctx)
	failed := make([]error, len(m.tags))
	overtaken := make([]bool, len(m.tags))
	sideBySide(m.indices(), func(i int) error {
		overtaken[i], failed[i] = m.moveTag(moving, m.tags[i])
		return nil
	})
	done()
	outcome := &Outcome{}
	for i, t := range m.tags {
		if overtaken[i] {
			outcome.Overtaken = append(outcome.Overtaken, t.reference())
		}
	}
	cause := errors.Join(failed...)
	if cause == nil {
		return outcome, nil
	}
	back, done := m.options.outlive(ctx)
	defer done()
	states := make([]TagState, len(m.tags))
	sideBySide(m.indices(), func(i int) error {
		states[i] = m.putBack(back, m.tags[i])
		return nil
	})
	return nil, &Error{Doing: "moving the tags", Tags: states, Cause: cause}
}

func (m *move) indices() []int {
	list := make([]int, len(m.tags))
	for i := range list {
		list[i] = i
	}
	return list
}

// moveTag moves one tag. It is overtaken if another client has moved it since. The response of a
// write alone is not relied on: a lost response may be that of a success, and a success may be a
// lie.
func (m *move) moveTag(ctx context.Context, t *tag) (overtaken bool, err error) {
	if t.placed {
		return false, nil
	}
	written := m.options.retry(ctx, func(ctx context.Context) error { return t.in.Put(ctx, t.name, m.manifest) })
	if written != nil {
		if state, _ := m.look(ctx, t); state != Moved {
			return false, written
		}
	}
	var seen []byte
	err = m.options.retry(ctx, func(ctx context.Context) error {
		now, found, err := t.in.Get(ctx, t.name)
		switch {
		case err != nil:
			return err
		case found && bytes.Equal(now.Text, m.index.Text):
			t.seen = true
			return nil
		case t.points(now, found) || !found:
			return &MissingError{Reference: t.reference(), Written: true}
		case seen == nil || !bytes.Equal(now.Text, seen):
			seen = now.Text
			return &unsureError{t.reference()} // once more: it must be another client's, and not a false response
		}
		overtaken = true
		return nil
	})
	return overtaken, err
}

// points reports whether the tag points at what it pointed at before.
func (t *tag) points(now registryauth.Manifest, found bool) bool {
	return found == t.existed && bytes.Equal(now.Text, t.former.Text)
}

// putBack puts a tag back, unless another client has moved it, and returns its state.
func (m *move) putBack(ctx context.Context, t *tag) TagState {
	state := TagState{Reference: t.reference(), Existed: t.existed}
	if t.placed {
		state.State = Before
		return state
	}
	if state.State, state.Cause = m.look(ctx, t); state.State != Moved {
		return state
	}
	t.seen = false
	restored := m.options.retry(ctx, func(ctx context.Context) error {
		if !t.existed {
			return t.in.DeleteTag(ctx, t.name)
		}
		return t.in.Put(ctx, t.name, t.former)
	})
	now, err := m.look(ctx, t)
	if now == Moved && restored == nil { // it may take a moment
		_ = m.options.retry(ctx, func(ctx context.Context) error {
			if now, err = m.look(ctx, t); now == Moved {
				return &MissingError{Reference: t.reference(), Written: true}
			}
			return nil
		})
	}
	state.State, state.Cause = now, errors.Join(restored, err)
	if now == Before {
		state.Cause = nil
	}
	return state
}

// look returns the state of a tag. Cause is the error that leaves it unknown.
func (m *move) look(ctx context.Context, t *tag) (state State, cause error) {
	cause = m.options.retry(ctx, func(ctx context.Context) error {
		now, found, err := t.in.Get(ctx, t.name)
		switch {
		case err != nil:
			return err
		case found && bytes.Equal(now.Text, m.index.Text):
			state = Moved
		case t.points(now, found):
			state = Before
			if t.seen { // a stale response, unless it stays so
				return &unsureError{t.reference()}
			}
		default:
			state = Foreign
		}
		return nil
	})
	var unsure *unsureError
	if cause != nil && !errors.As(cause, &unsure) {
		return Unknown, cause
	}
	return state, nil
}

// sideBySide calls f for all items at a time, and returns their errors.
func sideBySide[T any](items []T, f func(T) error) []error {
	failed := make([]error, len(items))
	var all sync.WaitGroup
	for i, item := range items {
		all.Go(func() { failed[i] = f(item) })
	}
	all.Wait()
	return failed
}

// outlive returns a context that ends later than ctx, so that what has begun is finished.
func (o Options) outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), moveLimit)
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(o.interrupt)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() { stop(); cancel() }
}

// retry calls f until its error is not transient, a number of times.
func (o Options) retry(ctx context.Context, f func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		limited, cancel := context.WithTimeoutCause(ctx, o.request, errors.New("no answer in "+o.request.String()))
		err := f(limited)
		cancel()
		wait, transient := registryauth.Transient(err)
		var missing *MissingError
		var unsure *unsureError
		transient = transient || errors.As(err, &missing) && missing.Written || errors.As(err, &unsure)
		if err == nil || !transient || attempt == attempts || wait > longestWait || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(max(wait, o.pause<<(attempt-1)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}
