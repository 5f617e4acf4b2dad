package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	_ "github.com/moby/buildkit/util/grpcutil/encoding/proto" // records of other clients need not be UTF-8
	"google.golang.org/grpc/codes"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/escape"
)

// Status is the status of a build.
type Status string

// The statuses. Those that docker has too have the names of its filters.
const (
	Running   Status = "running"
	Waiting   Status = "waiting" // for its turn, on a builder that limits its builds
	Completed Status = "completed"
	Failed    Status = "error"
	Canceled  Status = "canceled"
)

// Record is a daemon's record of a build.
type Record struct {
	Ref       string
	Name      string // the images' names, else that of the build, else its target, else its source; may be empty
	Target    string // the stage of the Dockerfile; empty is the last
	Status    Status
	Created   time.Time
	Ended     time.Time     // zero while it runs
	Duration  time.Duration // until now while it runs; without the time that it waited
	Waited    time.Duration // for its turn
	Place     int           // in the queue while it waits, 1 for the first
	User      string        // whose it is, as its client said; empty if the builder has no limit
	Total     int           // steps; 0 while it runs, as all counts
	Done      int
	Cached    int
	Warnings  int
	Pinned    bool   // it is kept when old records are removed
	Error     string // why it failed, without the daemon's prefixes
	entry     *controlapi.BuildHistoryRecord
	completed bool

	tickets     []string // the references of the build's tickets and claims
	ticketsOnly bool     // the build itself has no record
}

// List returns the records that match all filters, the newest first.
func List(ctx context.Context, c *client.Client, filters Filters) ([]Record, error) {
	return listen(ctx, c, &controlapi.BuildHistoryRequest{EarlyExit: true}, filters, 0)
}

// maxRecords and maxRecordBytes bound what is kept of a daemon's records.
const (
	maxRecords     = 20_000
	maxRecordBytes = 256 << 20
)

// listen returns the records that match all filters and were created less than since ago, by the
// daemon's clock; 0 is all of them.
func listen(
	ctx context.Context, c *client.Client, ask *controlapi.BuildHistoryRequest, filters Filters, since time.Duration,
) ([]Record, error) {
	found, now, err := read(ctx, c, ask)
	if err != nil {
		return nil, err
	}
	records := slices.DeleteFunc(recordsOf(found, now), func(record Record) bool {
		return since > 0 && record.Created.Before(now.Add(-since)) || !filters.match(record)
	})
	slices.SortFunc(records, Newer)
	return records, nil
}

// read returns what the daemon lists, by reference, and the daemon's time.
func read(
	ctx context.Context, c *client.Client, ask *controlapi.BuildHistoryRequest,
) (found map[string]*controlapi.BuildHistoryRecord, now time.Time, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the stream may not have been read to its end
	events, err := c.ControlClient().ListenBuildHistory(ctx, ask)
	if err != nil {
		return nil, now, err
	}
	now = clockOf(events)
	found = map[string]*controlapi.BuildHistoryRecord{} // a build may end while it is listed
	for read, bytes := 0, 0; ; {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			return found, now, nil
		}
		if err != nil {
			return nil, now, err
		}
		if event.Record == nil || event.Type == controlapi.BuildHistoryEventType_DELETED {
			continue
		}
		read, bytes = read+1, bytes+event.Record.SizeVT()
		if read > maxRecords || bytes > maxRecordBytes {
			return nil, now, fmt.Errorf("the builder reports more than %d builds, or more than %d bytes of them", maxRecords, maxRecordBytes)
		}
		if found[event.Record.Ref].GetCompletedAt() == nil {
			found[event.Record.Ref] = event.Record
		}
	}
}

// clockOf returns the daemon's time, which it sends in the header, or else this
// machine's.
func clockOf(events controlapi.Control_ListenBuildHistoryClient) time.Time {
	if header, err := events.Header(); err == nil {
		for _, value := range header.Get("buildkit-current-timestamp") {
			if now, err := time.Parse(time.RFC3339Nano, value); err == nil {
				return now
			}
		}
	}
	return time.Now()
}

// Newer compares records by the start of the builds, the newest first.
func Newer(a, b Record) int {
	return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Ref, b.Ref))
}

func newRecord(entry *controlapi.BuildHistoryRecord, now time.Time) Record {
	record := Record{
		Ref: entry.Ref, Name: nameOf(entry), Target: entry.FrontendAttrs["target"], Status: statusOf(entry), Created: entry.CreatedAt.AsTime(),
		Total: int(entry.NumTotalSteps), Done: int(entry.NumCompletedSteps), Cached: int(entry.NumCachedSteps),
		Warnings: int(entry.NumWarnings), Pinned: entry.Pinned, entry: entry, completed: entry.CompletedAt != nil,
	}
	if record.completed {
		record.Ended, now = entry.CompletedAt.AsTime(), entry.CompletedAt.AsTime()
	}
	record.Duration = max(0, now.Sub(record.Created))
	if entry.Error != nil {
		record.Error = entry.Error.Message
	}
	mask(reflect.ValueOf(&record))
	return record
}

func statusOf(entry *controlapi.BuildHistoryRecord) Status {
	switch {
	case entry.CompletedAt == nil:
		return Running
	case entry.Error == nil:
		return Completed
	case codes.Code(entry.Error.Code) == codes.Canceled, strings.Contains(entry.Error.Message, "context canceled"):
		return Canceled
	}
	return Failed
}

func nameOf(entry *controlapi.BuildHistoryRecord) string {
	attrs := entry.FrontendAttrs
	return cmp.Or(strings.Join(imagesOf(entry), ","), attrs["build-arg:BUILDKIT_BUILD_NAME"], placeOf(attrs))
}

// imagesOf returns the names of the build's images.
func imagesOf(entry *controlapi.BuildHistoryRecord) []string {
	var names []string
	for _, exporter := range entry.Exporters {
		for name := range strings.SplitSeq(exporter.Attrs["name"], ",") {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// mask masks the credentials in every text below a value, so that no field is left out, nor one
// that is added later.
func mask(value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !value.IsNil() {
			mask(value.Elem())
		}
	case reflect.String:
		value.SetString(escape.MaskCredentials(value.String()))
	case reflect.Slice:
		for i := range value.Len() {
			mask(value.Index(i))
		}
	case reflect.Map:
		for _, key := range value.MapKeys() { // whose elements cannot be set
			clean := reflect.New(value.Type().Elem()).Elem()
			clean.Set(value.MapIndex(key))
			mask(clean)
			value.SetMapIndex(key, clean)
		}
	case reflect.Struct:
		for i := range value.NumField() {
			if field := value.Field(i); field.CanSet() {
				mask(field)
			}
		}
	default: // numbers
	}
}

// Remove deletes the record. A running build is not stopped: its record is deleted
// at its end.
func Remove(ctx context.Context, c *client.Client, ref string) error {
	_, err := c.ControlClient().UpdateBuildHistory(ctx, &controlapi.UpdateBuildHistoryRequest{Ref: ref, Delete: true})
	return err
}

// Pin excludes the record from the removal of old ones, or includes it again.
func Pin(ctx context.Context, c *client.Client, ref string, keep bool) error {
	_, err := c.ControlClient().UpdateBuildHistory(ctx, &controlapi.UpdateBuildHistoryRequest{Ref: ref, Pinned: keep})
	return err
}
