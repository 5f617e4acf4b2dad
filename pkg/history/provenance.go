package history

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	slsa1 "github.com/in-toto/in-toto-golang/in_toto/slsa_provenance/v1"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/llbsolver/provenance/types"
)

// The keys and media types of the daemon's attestations in a record.
const (
	inTotoMediaType      = "application/vnd.in-toto+json"
	predicateAnnotation  = "in-toto.io/predicate-type"
	provenancePredicates = "https://slsa.dev/provenance/"
)

// Provenance returns the provenance of a finished build in the daemon's record: a SLSA v0.2
// predicate, JSON, for each platform; the key is "" for a build without --platform. Without full,
// steps and times are omitted. It is empty if the daemon has no record of the build.
func Provenance(ctx context.Context, c *client.Client, ref string, full bool) (map[string]json.RawMessage, error) {
	records, err := c.ControlClient().ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{Ref: ref, EarlyExit: true})
	if err != nil {
		return nil, fmt.Errorf("requesting the record of build %q: %w", ref, err)
	}
	found := map[string]json.RawMessage{}
	for {
		event, err := records.Recv()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the record of build %q: %w", ref, err)
		}
		for platform, result := range resultsOf(event.Record) {
			predicate, err := provenanceOf(ctx, c, result, full)
			if err != nil {
				return nil, err
			}
			if predicate != nil {
				found[platform] = predicate
			}
		}
	}
}

func resultsOf(record *controlapi.BuildHistoryRecord) map[string]*controlapi.BuildResultInfo {
	switch {
	case record == nil:
		return nil
	case len(record.Results) > 0:
		return record.Results
	case record.Result != nil:
		return map[string]*controlapi.BuildResultInfo{"": record.Result}
	}
	return nil
}

// provenanceOf returns the provenance among a result's attestations; nil if there is none.
func provenanceOf(ctx context.Context, c *client.Client, result *controlapi.BuildResultInfo, full bool) (json.RawMessage, error) {
	for _, attestation := range result.Attestations {
		kind := attestation.Annotations[predicateAnnotation]
		if attestation.MediaType != inTotoMediaType || !strings.HasPrefix(kind, provenancePredicates) {
			continue
		}
		text, err := blobsOf(c).read(ctx, attestation)
		if err != nil {
			return nil, fmt.Errorf("reading provenance %s: %w", attestation.Digest, err)
		}
		return slsa02(text, kind, full)
	}
	return nil, nil
}

// slsa02 converts a predicate to the version in docker's metadata file, SLSA v0.2.
func slsa02(text []byte, kind string, full bool) (json.RawMessage, error) {
	predicate := &types.ProvenancePredicateSLSA02{}
	var err error
	if kind == slsa1.PredicateSLSAProvenance {
		newer := types.ProvenancePredicateSLSA1{}
		err = json.Unmarshal(text, &newer)
		predicate = newer.ConvertToSLSA02()
	} else {
		err = json.Unmarshal(text, predicate)
	}
	if err != nil {
		return nil, fmt.Errorf("decoding provenance of type %s: %w", kind, err)
	}
	if !full {
		predicate.BuildConfig, predicate.Metadata = nil, nil
	}
	return json.Marshal(predicate)
}
