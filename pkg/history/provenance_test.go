package history

import (
	"encoding/json"
	"testing"

	slsa1 "github.com/in-toto/in-toto-golang/in_toto/slsa_provenance/v1"
	controlapi "github.com/moby/buildkit/api/services/control"
)

func TestProvenanceIsShownInOneVersion(t *testing.T) {
	const older = `{"buildType":"https://mobyproject.org/buildkit@v1","builder":{"id":""},"invocation":{},
		"metadata":{"buildInvocationID":"x"},"buildConfig":{"llbDefinition":[{"id":"step0"}]}}`
	const newer = `{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
		"externalParameters":{"configSource":{"path":"Dockerfile"}},"internalParameters":{}},"runDetails":{"builder":{"id":""},"metadata":{"invocationID":"x"}}}`
	for name, c := range map[string]struct{ text, kind string }{
		"v0.2": {older, "https://slsa.dev/provenance/v0.2"},
		"v1":   {newer, slsa1.PredicateSLSAProvenance},
	} {
		t.Run(name, func(t *testing.T) {
			for _, full := range []bool{true, false} {
				raw, err := slsa02([]byte(c.text), c.kind, full)
				if err != nil {
					t.Fatal(err)
				}
				var fields map[string]any
				if err := json.Unmarshal(raw, &fields); err != nil {
					t.Fatal(err)
				}
				if fields["buildType"] != "https://mobyproject.org/buildkit@v1" {
					t.Errorf("not a v0.2 predicate: %s", raw)
				}
				if _, has := fields["metadata"]; has != full {
					t.Errorf("full is %v, but metadata is there: %v", full, has)
				}
			}
		})
	}
}

func TestBrokenProvenanceIsAnError(t *testing.T) {
	if _, err := slsa02([]byte("{"), slsa1.PredicateSLSAProvenance, true); err == nil {
		t.Error("half a JSON object is not a predicate")
	}
}

func TestRecordsWithAndWithoutPlatforms(t *testing.T) {
	one := &controlapi.BuildResultInfo{}
	if got := resultsOf(&controlapi.BuildHistoryRecord{Result: one}); len(got) != 1 || got[""] != one {
		t.Errorf("one result: %v", got)
	}
	several := map[string]*controlapi.BuildResultInfo{"linux/amd64": one, "linux/arm64": one}
	if got := resultsOf(&controlapi.BuildHistoryRecord{Result: one, Results: several}); len(got) != 2 {
		t.Errorf("two results: %v", got)
	}
	if resultsOf(nil) != nil || resultsOf(&controlapi.BuildHistoryRecord{}) != nil {
		t.Error("results out of nothing")
	}
}
