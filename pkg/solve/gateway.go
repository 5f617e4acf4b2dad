package solve

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
)

// product is the name of this client in requests to the daemon.
const product = "kubectl-buildkit"

// buildWithGateway runs the frontend from the client, for what the daemon cannot do
// alone: subrequests, which return a result and no image, fetching the Dockerfile
// before the build, building the stages that are contexts of it, and waiting for peers
// before the export, which begins when the client returns the result.
func (d *Daemon) buildWithGateway(ctx context.Context, attempt *request.Attempt, peer *Peer, statuses chan *client.SolveStatus) (*client.SolveResponse, error) {
	var answer map[string][]byte
	var refused error // keeps its type, which is lost in an error of the daemon
	build := func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
		ask := gateway.SolveRequest{
			Frontend:     attempt.Options.Frontend,
			FrontendOpt:  maps.Clone(attempt.Options.FrontendAttrs),
			CacheImports: cacheImports(attempt.Options.CacheImports),
			Evaluate:     peer != nil,
		}
		if err := fetchDockerfile(ctx, c, attempt.Dockerfile); err != nil {
			return nil, err
		}
		if refused = refusePolicies(ctx, c, ask, attempt.Policies); refused != nil {
			return nil, refused
		}
		if err := buildStages(ctx, c, &ask, attempt.Stages); err != nil {
			return nil, err
		}
		built, err := c.Solve(ctx, ask)
		if err == nil && attempt.Subrequest != "" {
			answer = built.Metadata
		}
		if err == nil {
			err = peer.awaitEvaluated(ctx)
		}
		return built, err
	}
	response, err := d.client.Build(ctx, attempt.Options, product, build, statuses)
	if refused != nil {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	if response.ExporterResponse == nil {
		response.ExporterResponse = map[string]string{}
	}
	for key, value := range answer {
		response.ExporterResponse[key] = string(value)
	}
	return response, nil
}

// refusePolicies returns an error for the first of the files that is in the context. The frontend
// gets its name as that of the Dockerfile, so it searches the same context that it builds; a parse
// error means that the file exists. The build reports any other failure.
func refusePolicies(ctx context.Context, c gateway.Client, ask gateway.SolveRequest, names []string) error {
	for _, name := range names {
		look := gateway.SolveRequest{Frontend: ask.Frontend, FrontendOpt: maps.Clone(ask.FrontendOpt)}
		look.FrontendOpt["filename"] = name
		look.FrontendOpt["requestid"] = "frontend.targets"
		delete(look.FrontendOpt, "target")
		_, err := c.Solve(ctx, look)
		if err == nil {
			return request.RefusePolicy(name)
		}
		for _, read := range []string{"parse error", "no instructions", "cannot be empty", "unknown instruction"} {
			if strings.Contains(err.Error(), read) {
				return request.RefusePolicy(name)
			}
		}
	}
	return nil
}

// fetchDockerfile makes the daemon download the Dockerfile, if it is a URL.
func fetchDockerfile(ctx context.Context, c gateway.Client, dockerfile *buildcontext.Fetched) error {
	if dockerfile == nil {
		return nil
	}
	const name = "Dockerfile"
	definition, err := llb.HTTP(dockerfile.URL, llb.Filename(name), llb.WithCustomName("[internal] load "+dockerfile.URL)).Marshal(ctx)
	if err != nil {
		return err
	}
	fetched, err := c.Solve(ctx, gateway.SolveRequest{Definition: definition.ToPB()})
	if err != nil {
		return err
	}
	ref, err := fetched.SingleRef()
	if err != nil {
		return err
	}
	stat, err := ref.StatFile(ctx, gateway.StatRequest{Path: name})
	if err != nil {
		return err
	}
	if stat.Size > buildcontext.MaxFetched {
		return fmt.Errorf("the Dockerfile %s is larger than %d bytes", dockerfile.URL, buildcontext.MaxFetched)
	}
	text, err := ref.ReadFile(ctx, gateway.ReadRequest{Filename: name})
	if err != nil {
		return err
	}
	dockerfile.Fill(text)
	return nil
}

// buildStages builds each stage and makes it an input of the request, with the
// configuration of its image.
func buildStages(ctx context.Context, c gateway.Client, ask *gateway.SolveRequest, stages map[string]string) error {
	inputs := map[string]*pb.Definition{}
	added := map[string]string{}
	for name, stage := range stages {
		sub := *ask
		sub.Evaluate = false
		sub.FrontendOpt = maps.Clone(ask.FrontendOpt)
		sub.FrontendOpt["target"] = stage
		delete(sub.FrontendOpt, "requestid")
		built, err := c.Solve(ctx, sub)
		if err != nil {
			return fmt.Errorf("building the stage %q for the context %q: %w", stage, name, err)
		}
		for suffix, ref := range refsOf(built) {
			key := name + suffix
			definition, err := definitionOf(ctx, ref)
			if err != nil {
				return err
			}
			inputs[key] = definition
			added["context:"+key] = "input:" + key
			config, err := configOf(built, suffix)
			if err != nil {
				return err
			}
			if config != "" {
				added["input-metadata:"+key] = config
			}
		}
	}
	maps.Copy(ask.FrontendOpt, added)
	ask.FrontendInputs = inputs
	return nil
}

// refsOf returns the results by the suffix of their context's name: empty, or the
// platform.
func refsOf(built *gateway.Result) map[string]gateway.Reference {
	if len(built.Refs) == 0 {
		return map[string]gateway.Reference{"": built.Ref}
	}
	refs := map[string]gateway.Reference{}
	for platform, ref := range built.Refs {
		refs["::"+platform] = ref
	}
	return refs
}

// definitionOf returns the definition of the result; an empty one for an empty stage.
func definitionOf(ctx context.Context, ref gateway.Reference) (*pb.Definition, error) {
	state := llb.Scratch()
	if ref != nil {
		made, err := ref.ToState()
		if err != nil {
			return nil, err
		}
		state = made
	}
	definition, err := state.Marshal(ctx)
	if err != nil {
		return nil, err
	}
	return definition.ToPB(), nil
}

// configOf returns the configuration of the image, in the form that the frontend
// reads.
func configOf(built *gateway.Result, suffix string) (string, error) {
	key := exptypes.ExporterImageConfigKey
	if suffix != "" {
		key += "/" + suffix[len("::"):]
	}
	config, found := built.Metadata[key]
	if !found {
		return "", nil
	}
	text, err := json.Marshal(map[string][]byte{exptypes.ExporterImageConfigKey: config})
	return string(text), err
}

func cacheImports(entries []client.CacheOptionsEntry) []gateway.CacheOptionsEntry {
	var all []gateway.CacheOptionsEntry
	for _, entry := range entries {
		all = append(all, gateway.CacheOptionsEntry{Type: entry.Type, Attrs: entry.Attrs})
	}
	return all
}
