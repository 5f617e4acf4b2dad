package solve

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/tonistiigi/fsutil/types"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
)

// stageClient is a frontend that makes an image of every stage.
type stageClient struct {
	gateway.Client
	asked  []gateway.SolveRequest
	result func() *gateway.Result
	err    error
}

func (c *stageClient) Solve(_ context.Context, ask gateway.SolveRequest) (*gateway.Result, error) {
	c.asked = append(c.asked, ask)
	if c.err != nil {
		return nil, c.err
	}
	return c.result(), nil
}

type stageRef struct{ gateway.Reference }

func (stageRef) ToState() (llb.State, error) { return llb.Image("example.com/made"), nil }

// fileRef is a file that was fetched.
type fileRef struct {
	gateway.Reference
	size int64
	text string
}

func (r fileRef) StatFile(context.Context, gateway.StatRequest) (*types.Stat, error) {
	return &types.Stat{Size: r.size}, nil
}

func (r fileRef) ReadFile(context.Context, gateway.ReadRequest) ([]byte, error) {
	return []byte(r.text), nil
}

func TestDockerfileIsFetched(t *testing.T) {
	for _, test := range []struct {
		size int64
		want string // "" if it is refused
	}{{6, "FROM a"}, {buildcontext.MaxFetched + 1, ""}} {
		c := &stageClient{result: func() *gateway.Result {
			built := gateway.NewResult()
			built.SetRef(fileRef{size: test.size, text: "FROM a"})
			return built
		}}
		dockerfile := &buildcontext.Fetched{URL: "https://example.com/Dockerfile"}
		err := fetchDockerfile(t.Context(), c, dockerfile)
		if (err == nil) != (test.want != "") {
			t.Errorf("%d bytes: got %v", test.size, err)
		}
		file, err := dockerfile.Open("Dockerfile")
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(file); err != nil || string(text) != test.want {
			t.Errorf("%d bytes: got %q, %v", test.size, text, err)
		}
	}
	if err := fetchDockerfile(t.Context(), &stageClient{err: errors.New("not found")}, &buildcontext.Fetched{URL: "x"}); err == nil {
		t.Error("a Dockerfile that is not there was fetched")
	}
}

func TestStagesAreInputs(t *testing.T) {
	for name, test := range map[string]struct {
		result   func() *gateway.Result
		inputs   []string
		metadata []string
	}{
		"one platform": {func() *gateway.Result {
			built := gateway.NewResult()
			built.SetRef(stageRef{})
			built.AddMeta(exptypes.ExporterImageConfigKey, []byte("{}"))
			return built
		}, []string{"base"}, []string{"base"}},
		"two platforms": {func() *gateway.Result {
			built := gateway.NewResult()
			built.AddRef("linux/amd64", stageRef{})
			built.AddRef("linux/arm64", stageRef{})
			built.AddMeta(exptypes.ExporterImageConfigKey+"/linux/amd64", []byte("{}"))
			return built
		}, []string{"base::linux/amd64", "base::linux/arm64"}, []string{"base::linux/amd64"}},
		"empty": {gateway.NewResult, []string{"base"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := &stageClient{result: test.result}
			ask := gateway.SolveRequest{
				Frontend:    "dockerfile.v0",
				FrontendOpt: map[string]string{"target": "last", "requestid": "frontend.lint"},
			}
			if err := buildStages(t.Context(), c, &ask, map[string]string{"base": "first"}); err != nil {
				t.Fatal(err)
			}
			if len(c.asked) != 1 || !maps.Equal(c.asked[0].FrontendOpt, map[string]string{"target": "first"}) {
				t.Errorf("the stage was asked for with %+v", c.asked)
			}
			if ask.FrontendOpt["target"] != "last" {
				t.Errorf("the build itself was changed: %v", ask.FrontendOpt)
			}
			for _, key := range test.inputs {
				if ask.FrontendOpt["context:"+key] != "input:"+key || ask.FrontendInputs[key] == nil {
					t.Errorf("%q is not an input: %v", key, ask.FrontendOpt)
				}
			}
			for _, key := range test.metadata {
				var config map[string][]byte
				if err := json.Unmarshal([]byte(ask.FrontendOpt["input-metadata:"+key]), &config); err != nil || string(config[exptypes.ExporterImageConfigKey]) != "{}" {
					t.Errorf("%q has no configuration: %v, %v", key, ask.FrontendOpt, err)
				}
			}
		})
	}
}

func TestStageThatFails(t *testing.T) {
	broken := errors.New("no such stage")
	err := buildStages(t.Context(), &stageClient{err: broken}, &gateway.SolveRequest{FrontendOpt: map[string]string{}}, map[string]string{"base": "first"})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), `"first"`) {
		t.Errorf("got %v", err)
	}
}
