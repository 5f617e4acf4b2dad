package solve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// started is the event of a build that runs.
func started(ref string, attributes map[string]string) *controlapi.BuildHistoryEvent {
	return &controlapi.BuildHistoryEvent{
		Type:   controlapi.BuildHistoryEventType_STARTED,
		Record: &controlapi.BuildHistoryRecord{Ref: ref, CreatedAt: timestamppb.New(time.Unix(5, 0)), FrontendAttrs: attributes},
	}
}

func sending(events ...*controlapi.BuildHistoryEvent) func(controlapi.Control_ListenBuildHistoryServer) error {
	return func(stream controlapi.Control_ListenBuildHistoryServer) error {
		for _, event := range events {
			if err := stream.Send(event); err != nil {
				return err
			}
		}
		return nil
	}
}

func TestActiveBuilds(t *testing.T) {
	ended := started("ended", nil)
	ended.Record.CompletedAt = timestamppb.Now()
	deleted := started("deleted", nil)
	deleted.Type = controlapi.BuildHistoryEventType_DELETED
	many := map[string]string{}
	for i := range 40 {
		many[fmt.Sprint(i)] = strings.Repeat("x", 4000)
	}
	daemon := &fakeDaemon{listen: sending(
		started("a", map[string]string{"target": "web", "big": strings.Repeat("x", 5000)}), ended, deleted,
		&controlapi.BuildHistoryEvent{}, started("b", many),
	)}
	got, err := daemon.start(t, nil).mustConnect(t).ActiveBuilds(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if a := got[0]; a.Ref != "a" || !a.Created.Equal(time.Unix(5, 0)) || !maps.Equal(a.Attributes, map[string]string{"target": "web"}) {
		t.Errorf("got %v", a)
	}
	if b := got[1]; b.Ref != "b" || len(b.Attributes) != 0 {
		t.Errorf("a build with 160 kB of attributes has %d of them", len(b.Attributes))
	}
	if asked := daemon.listened.Load(); !asked.ActiveOnly || !asked.EarlyExit {
		t.Errorf("the request is %v", asked)
	}
}

// TestActiveBuildsAreBounded proves that no daemon can hold the client, or fill its memory.
func TestActiveBuildsAreBounded(t *testing.T) {
	endless := func(event *controlapi.BuildHistoryEvent) func(controlapi.Control_ListenBuildHistoryServer) error {
		return func(stream controlapi.Control_ListenBuildHistoryServer) error {
			for {
				if err := stream.Send(event); err != nil {
					return err
				}
			}
		}
	}
	silent := func(stream controlapi.Control_ListenBuildHistoryServer) error {
		<-stream.Context().Done()
		return stream.Context().Err()
	}
	large := started(strings.Repeat("r", 1<<20), nil)
	for name, c := range map[string]struct {
		listen func(controlapi.Control_ListenBuildHistoryServer) error
		within time.Duration
		lost   bool
	}{
		"builds without end":  {endless(started("a", nil)), time.Minute, false},
		"nothing without end": {endless(&controlapi.BuildHistoryEvent{}), time.Minute, false},
		"large references":    {endless(large), time.Minute, false},
		"silence":             {silent, 50 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := (&fakeDaemon{listen: c.listen}).start(t, nil)
			got, err := daemon.mustConnect(t).activeBuilds(t.Context(), c.within)
			var lost *LostError
			if err == nil || got != nil || errors.As(err, &lost) != c.lost {
				t.Errorf("got %d builds, %v", len(got), err)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		daemon := &fakeDaemon{listen: func(stream controlapi.Control_ListenBuildHistoryServer) error {
			cancel(errors.New("Ctrl-C"))
			return silent(stream)
		}}
		_, err := daemon.start(t, nil).mustConnect(t).ActiveBuilds(ctx)
		var canceled *CanceledError
		if !errors.As(err, &canceled) {
			t.Errorf("got %v", err)
		}
	})
}
