package builder_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// What the user says of a subject is all that is said of it, however it is written.
func TestTheUsersConfigurationWinsOverDefaults(t *testing.T) {
	for text, missing := range map[string]string{
		"[cdi]\nspecDirs = [\"/x\"]":                   "[cdi]\n  disabled",
		"CDI = {disabled = false}":                     "[cdi]\n  disabled",
		"[compaction]\nwritesPerCheck = 5":             "[compaction]\n  enabled",
		"compaction.enabled = false":                   "[compaction]\n  enabled",
		"[System]\nmaxRegistryConcurrency = 1":         "[system]\n  session",
		"system.sessionAuthTimeout = \"0s\" # forever": "[system]\n  session",
	} {
		spec := valid()
		spec.Config = []byte(text)
		got, err := spec.DaemonConfig(builder.CurrentDefaults)
		if err != nil || !strings.HasPrefix(got, text+"\n") || strings.Contains(got, missing) || strings.Count(got, "  ") != 2 {
			t.Errorf("%s: %v\n%s", text, err, got)
		}
	}
	if got, err := valid().DaemonConfig(builder.PlainDefaults); err != nil || got != builder.DefaultConfig {
		t.Errorf("the former defaults: %q (%v)", got, err)
	}
}

func TestParallelism(t *testing.T) {
	for _, test := range []struct {
		limit, request, config string
		defaults               builder.Defaults
		want                   int64
	}{
		{"8", "", "", builder.CurrentDefaults, 16},
		{"2500m", "", "", builder.CurrentDefaults, 6},
		{"100m", "", "", builder.CurrentDefaults, 4},
		{"", "8", "", builder.CurrentDefaults, 0},
		{"", "", "", builder.CurrentDefaults, 0},
		{"8", "", "", builder.PlainDefaults, 0},
		{"8", "", "[worker.oci]\nmax-parallelism = 3", builder.CurrentDefaults, 0},
		{"8", "", "[Worker.OCI]\nMax-Parallelism = 0", builder.CurrentDefaults, 0},
		{"8", "", "[worker.oci]\ngc = true", builder.CurrentDefaults, 16},
	} {
		spec := valid()
		spec.Config = []byte(test.config)
		if test.limit != "" {
			spec.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(test.limit)}
		}
		if test.request != "" {
			spec.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(test.request)}
		}
		if got := spec.Parallelism(test.defaults); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

func TestProvenance(t *testing.T) {
	spec := valid()
	if got, err := spec.Provenance(builder.CurrentDefaults); err != nil || got != `{"kubernetes":{"builder":"buildkitd","namespace":"team"}}`+"\n" {
		t.Errorf("%q (%v)", got, err)
	}
	spec.Config = []byte("ProvenanceEnvDir = \"/mine\"")
	if got, err := spec.Provenance(builder.CurrentDefaults); err != nil || got != "" {
		t.Errorf("the user's own: %q (%v)", got, err)
	}
}
