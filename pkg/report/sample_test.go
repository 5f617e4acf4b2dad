package report

import (
	"fmt"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
)

// script tells a recorder of steps as the daemon does: every start and every end
// is a status of its own.
type script struct {
	recorder *Recorder
	start    time.Time
}

func newScript() *script {
	return &script{recorder: NewRecorder(), start: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
}

func (s *script) at(ms int) *time.Time {
	at := s.start.Add(time.Duration(ms) * time.Millisecond)
	return &at
}

// step is one that worked from when to when; a negative end is none.
func (s *script) step(name string, from, to int, inputs ...string) client.Vertex {
	vertex := client.Vertex{Digest: digest.FromString(name), Name: name}
	for _, input := range inputs {
		vertex.Inputs = append(vertex.Inputs, digest.FromString(input))
	}
	s.tell(vertex)
	vertex.Started = s.at(from)
	s.tell(vertex)
	if to >= 0 {
		vertex.Completed = s.at(to)
		s.tell(vertex)
	}
	return vertex
}

func (s *script) cached(name string, at int, inputs ...string) {
	vertex := s.step(name, at, at, inputs...)
	vertex.Cached = true
	s.tell(vertex)
}

func (s *script) tell(vertex client.Vertex) {
	s.recorder.Add(&client.SolveStatus{Vertexes: []*client.Vertex{&vertex}})
}

func (s *script) log(name, text string) {
	s.recorder.Add(&client.SolveStatus{Logs: []*client.VertexLog{{Vertex: digest.FromString(name), Stream: 1, Data: []byte(text)}}})
}

func (s *script) transfer(name, id string, bytes int64, from, to int) {
	status := &client.VertexStatus{ID: id, Vertex: digest.FromString(name), Current: bytes, Started: s.at(from), Completed: s.at(to), Timestamp: *s.at(to)}
	s.recorder.Add(&client.SolveStatus{Statuses: []*client.VertexStatus{status}})
}

const dockerfile = `FROM golang AS build
WORKDIR /src
COPY go.* .
RUN go mod download
COPY . .
RUN go build -o /out/app ./cmd/app

FROM base
COPY --from=build /out/app /app
ENTRYPOINT ["/app"]
`

// small is a build of few steps; it fails if err is wanted.
func small(failing bool) (*Recorder, error) {
	s := newScript()
	s.step("[internal] load build definition from Dockerfile", 0, 40)
	s.transfer("[internal] load build definition from Dockerfile", "transferring dockerfile:", 412, 5, 35)
	s.step("[internal] load metadata for docker.io/library/golang:latest", 42, 400)
	s.step("[internal] load build context", 402, 900)
	s.transfer("[internal] load build context", "transferring context:", 4_200_000, 405, 890)
	s.step("[build 1/5] FROM docker.io/library/golang", 402, 410)
	s.step("[build 1/5] FROM docker.io/library/golang", 420, 2400)
	s.transfer("[build 1/5] FROM docker.io/library/golang", "sha256:0123456789abcdef", 61_000_000, 420, 1900)
	s.transfer("[build 1/5] FROM docker.io/library/golang", "extracting sha256:0123456789abcdef", 0, 1900, 2400)
	s.cached("[build 2/5] WORKDIR /src", 2401, "[build 1/5] FROM docker.io/library/golang")
	s.step("[build 3/5] COPY go.* .", 2402, 2450, "[build 2/5] WORKDIR /src", "[internal] load build context")
	s.step("[build 4/5] RUN go mod download", 2452, 6000, "[build 3/5] COPY go.* .")
	s.log("[build 4/5] RUN go mod download", "go: downloading example.com/a v1.0.0\n\x1b[32mdone\x1b[0m\n10%\r50%\r100%\n")
	compile := "[build 5/5] RUN go build -o /out/app ./cmd/app"
	vertex := s.step(compile, 6002, 14000, "[build 4/5] RUN go mod download", "[internal] load build context")
	s.log(compile, "# example.com/app/cmd/app\ncmd/app/main.go:7:2: undefined: foo\n")
	s.recorder.Add(&client.SolveStatus{Warnings: []*client.VertexWarning{{
		Vertex: vertex.Digest, Short: []byte("FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"), URL: "https://docs.docker.com/go/dockerfile/rule/from-as-casing/",
		Detail: [][]byte{[]byte("The 'as' keyword should match the case of the 'from' keyword")}, SourceInfo: &pb.SourceInfo{Filename: "Dockerfile", Data: []byte(dockerfile)},
		Range: []*pb.Range{{Start: &pb.Position{Line: 1}, End: &pb.Position{Line: 1}}},
	}}})
	if !failing {
		s.step("exporting to image", 14010, 15500, compile)
		s.transfer("exporting to image", "exporting layers", 0, 14010, 14300)
		return s.recorder, nil
	}
	vertex.Error = `process "/bin/sh -c go build -o /out/app ./cmd/app" did not complete successfully: exit code: 1`
	s.tell(vertex)
	s.tell(client.Vertex{Digest: digest.FromString("last"), Name: "[stage-1 2/2] COPY --from=build /out/app /app", Inputs: []digest.Digest{vertex.Digest}})
	err := errdefs.WrapVertex(&gateway.ExitError{ExitCode: 1, Err: fmt.Errorf("%s", vertex.Error)}, vertex.Digest)
	return s.recorder, errdefs.WithSource(err, &errdefs.Source{
		Info:   &pb.SourceInfo{Filename: "Dockerfile", Data: []byte(dockerfile)},
		Ranges: []*pb.Range{{Start: &pb.Position{Line: 6}, End: &pb.Position{Line: 6}}},
	})
}

func facts() []Fact {
	return []Fact{{"Builder", "buildkitd"}, {"Pod", "buildkitd-0"}, {"Platform", "linux/amd64"}, {"Ref", "k3yb0ardc4t"}}
}

func smallBuild(t *testing.T, failing bool) Build {
	t.Helper()
	recorder, err := small(failing)
	about := About{Title: "registry.example.com/team/app:1", State: Succeeded, Facts: facts()}
	if failing {
		about.State, about.Err = Failed, err
	}
	return recorder.Build(about)
}
