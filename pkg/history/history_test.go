package history

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	controlapi "github.com/moby/buildkit/api/services/control"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	"github.com/moby/buildkit/util/grpcerrors"
	digest "github.com/opencontainers/go-digest"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestList(t *testing.T) {
	d := newDaemon(t)
	older, newer, running := entry("old", 100, 10), entry("new", 50, 20), entry("run", 30, 0)
	running.CompletedAt = nil
	newer.Exporters = []*controlapi.Exporter{{Type: "image", Attrs: map[string]string{"name": "r.io/a:1,r.io/b:1"}}, {Type: "image", Attrs: map[string]string{"name": "r.io/a:1"}}}
	older.Error = &spb.Status{Code: int32(codes.Unknown), Message: "exit code: 1"}
	d.records = []*controlapi.BuildHistoryRecord{running, older, newer}
	records, err := List(t.Context(), d.start(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, record := range records {
		refs = append(refs, record.Ref)
	}
	if !slices.Equal(refs, []string{"run", "new", "old"}) {
		t.Errorf("got %q", refs)
	}
	if r := records[0]; r.Status != Running || r.Duration < 29*time.Second || r.Duration > 40*time.Second || !r.Ended.IsZero() {
		t.Errorf("running, by the daemon's clock: %+v", r)
	}
	if r := records[1]; r.Status != Completed || r.Name != "r.io/a:1,r.io/b:1" || r.Duration != 20*time.Second || r.Total != 5 || r.Cached != 3 || r.Warnings != 1 {
		t.Errorf("completed: %+v", r)
	}
	if r := records[2]; r.Status != Failed || r.Error != "exit code: 1" {
		t.Errorf("failed: %+v", r)
	}
}

// TestEndedMeanwhile proves that a build which ends while the daemon lists it is
// told once, as ended.
func TestEndedMeanwhile(t *testing.T) {
	d := newDaemon(t)
	running := entry("x", 30, 0)
	running.CompletedAt = nil
	d.records = []*controlapi.BuildHistoryRecord{running, entry("x", 30, 29)}
	if records, err := List(t.Context(), d.start(t), nil); err != nil || len(records) != 1 || records[0].Status != Completed {
		t.Errorf("got %+v, %v", records, err)
	}
}

func TestNames(t *testing.T) {
	for want, attrs := range map[string]map[string]string{
		"called":            {"build-arg:BUILDKIT_BUILD_NAME": "called", "target": "x"},
		"stage":             {"target": "stage"},
		"https://x (stage)": {"target": "stage", "vcs:source": "https://x", "vcs:localdir:context": "."},
		"https://y#:sub/a":  {"vcs:source": "https://me:secret@y", "vcs:localdir:context": "sub/a"},
		"app":               {"vcs:localdir:context": "app", "context": "local:x"},
		"https://r.io/a":    {"context": "https://me:secret@r.io/a"},
		"git@r.io:team/app": {"vcs:source": "git@r.io:team/app"},
		"":                  {"context": "local:x"},
	} {
		if got := nameOf(&controlapi.BuildHistoryRecord{FrontendAttrs: attrs}); got != want {
			t.Errorf("%v: got %q", attrs, got)
		}
	}
}

func TestStatusOfCanceled(t *testing.T) {
	for _, status := range []*spb.Status{
		{Code: int32(codes.Canceled)}, {Code: int32(codes.Unknown), Message: "failed to solve: context canceled"},
	} {
		if got := statusOf(&controlapi.BuildHistoryRecord{CompletedAt: timestamppb.Now(), Error: status}); got != Canceled {
			t.Errorf("%v: got %s", status, got)
		}
	}
}

func TestFind(t *testing.T) {
	records := []Record{{Ref: "abc1"}, {Ref: "abd2"}, {Ref: "ab"}}
	for ref, want := range map[string]int{"": 0, "latest": 0, "^0": 0, "^2": 2, "abd2": 1, "abd": 1, "ab": 2} {
		if got, err := Find(records, ref); err != nil || got != want {
			t.Errorf("%q: got %d, %v", ref, got, err)
		}
	}
	var missing *NotFoundError
	for _, ref := range []string{"x", "^3", "^-1", "^x", "abc12"} {
		if _, err := Find(records, ref); !errors.As(err, &missing) {
			t.Errorf("%q: got %v", ref, err)
		}
	}
	var ambiguous *usage.Error
	if _, err := Find(records, "a"); !errors.As(err, &ambiguous) || ambiguous.Text() != `invalid REF "a": 3 builds begin with it: abc1, abd2, ab` {
		t.Errorf("got %v", err)
	}
	if _, err := Find(nil, "latest"); err == nil || err.Error() != "no record of any build" {
		t.Errorf("got %v", err)
	}
}

// failed is a build with all that BuildKit attaches to an error.
func failed(t *testing.T, d *fakeDaemon) *controlapi.BuildHistoryRecord {
	t.Helper()
	step := digest.FromString("step")
	err := errdefs.WrapVertex(&gateway.ExitError{ExitCode: 3, Err: errors.New("exit code: 3")}, step)
	err = errdefs.WithSource(err, &errdefs.Source{
		Info:   &pb.SourceInfo{Filename: "Dockerfile", Data: []byte("FROM scratch\nRUN make\n")},
		Ranges: []*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 2}}},
	})
	sent, _ := status.FromError(grpcerrors.ToGRPC(t.Context(), err))
	text, err := proto.Marshal(sent.Proto())
	if err != nil {
		t.Fatal(err)
	}
	record := entry("bad", 60, 9)
	record.Error = &spb.Status{Code: int32(codes.Unknown), Message: "exit code: 3"}
	record.ExternalError = d.blob(t, "application/vnd.googleapis.google.rpc.status+proto", string(text))
	start := timestamppb.New(record.CreatedAt.AsTime().Add(time.Second))
	d.statuses["bad"] = []*controlapi.StatusResponse{
		{Vertexes: []*controlapi.Vertex{{Digest: step.String(), Name: "[2/2] RUN make", Started: start, Completed: record.CompletedAt, Error: "exit code: 3"}}},
		{Logs: []*controlapi.VertexLog{{Vertex: step.String(), Msg: []byte("no rule\n"), Timestamp: start}}},
		{Warnings: []*controlapi.VertexWarning{{Vertex: step.String(), Short: []byte("old syntax"), Url: "https://docs.docker.com/x"}}},
	}
	return record
}

func TestInspectFailure(t *testing.T) {
	d := newDaemon(t)
	d.records = []*controlapi.BuildHistoryRecord{failed(t, d)}
	c := d.start(t)
	records, err := List(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	details, err := Inspect(t.Context(), c, records[0])
	if err != nil {
		t.Fatal(err)
	}
	got := details.Failure
	if got == nil || got.Step != "[2/2] RUN make" || !slices.Equal(got.Log, []string{"no rule"}) || len(got.Sources) != 1 || !got.Sources[0].Lines[1].Marked {
		t.Errorf("got %+v", got)
	}
	if len(details.Warnings) != 1 || details.Warnings[0].Text != "old syntax" {
		t.Errorf("got %+v", details.Warnings)
	}
	build, err := Draw(t.Context(), c, records[0])
	if err != nil || build.State != report.Failed || build.Duration != 9000 || build.Steps[0].Spans[0].From != 1000 {
		t.Errorf("got %+v, %v", build, err)
	}
}

func TestInspect(t *testing.T) {
	d := newDaemon(t)
	record := entry("good", 60, 9)
	record.FrontendAttrs = map[string]string{"frontend.caps": "x", "context": "https://me:secret@r.io/a", "cache-imports": `[{"Type":"gha","Attrs":{"token":"hidden"}}]`}
	provenance := d.blob(t, inTotoMediaType, `{"buildType":"x","materials":[{"uri":"pkg:docker/a","digest":{"sha256":"1"}},{"uri":"pkg:docker/a"}],"builder":{"id":""},"invocation":{}}`)
	provenance.Annotations = map[string]string{predicateAnnotation: "https://slsa.dev/provenance/v0.2"}
	record.Result = &controlapi.BuildResultInfo{
		Attestations: []*controlapi.Descriptor{provenance},
		Results:      map[int64]*controlapi.Descriptor{0: {MediaType: "m", Digest: "sha256:2", Size: 7}},
	}
	d.records = []*controlapi.BuildHistoryRecord{record}
	c := d.start(t)
	records, err := List(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	details, err := Inspect(t.Context(), c, records[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(details.Attributes) != 2 || details.Attributes["context"] != "https://r.io/a" || strings.Contains(details.Attributes["cache-imports"], "hidden") {
		t.Errorf("got %v", details.Attributes)
	}
	if len(details.Materials) != 1 || details.Materials[0].Digest["sha256"] != "1" {
		t.Errorf("got %+v", details.Materials)
	}
	if !slices.Equal(details.Results, []Result{{Type: "m", Digest: "sha256:2", Size: 7}}) || details.Failure != nil {
		t.Errorf("got %+v", details)
	}
}

func TestRemoveAndPin(t *testing.T) {
	d := newDaemon(t)
	c := d.start(t)
	if err := errors.Join(Remove(t.Context(), c, "a"), Pin(t.Context(), c, "b", true), Pin(t.Context(), c, "c", false)); err != nil {
		t.Fatal(err)
	}
	if got := d.updates; len(got) != 3 || !got[0].Delete || got[0].Ref != "a" || !got[1].Pinned || got[2].Pinned || got[2].Delete {
		t.Errorf("got %v", got)
	}
}
