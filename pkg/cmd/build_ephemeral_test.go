package cmd

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestEphemeralFlags(t *testing.T) {
	own, err := buildWith(t, ".").own()
	if own != nil || err != nil {
		t.Errorf("without the flag: %+v, %v", own, err)
	}
	own, err = buildWith(t, "--ephemeral", "--builder", "team", "--ephemeral-set", "rootless", "--ephemeral-set", "limit=memory=4Gi,cpu=2",
		"--ephemeral-set", "--env=A=b=c", ".").own()
	if err != nil || !own.Named {
		t.Fatalf("got %+v, %v", own, err)
	}
	spec, err := own.Edit(builder.Spec{Name: "team", Namespace: "ns", ServiceAccount: "kept"})
	var values []string
	for _, setting := range spec.Settings() {
		values = append(values, setting.Name+"="+strings.Join(setting.Values, ","))
	}
	if want := []string{"mode=rootless", "env=A=b=c", "limit=cpu=2,memory=4Gi", "service-account=kept"}; err != nil || !slices.Equal(values, want) {
		t.Errorf("got %q, %v; want %q", values, err, want)
	}
	for args, want := range map[string]string{
		"--ephemeral-set rootless":                     flagEphemeralSet,
		"--ephemeral --ephemeral-set replicas=2":       flagEphemeralSet,
		"--ephemeral --ephemeral-set storage=1Gi":      flagEphemeralSet,
		"--ephemeral --ephemeral-set nonsense":         flagEphemeralSet,
		"--ephemeral --ephemeral-set image":            flagEphemeralSet,
		"--ephemeral --ephemeral-set mode=auto":        flagEphemeralSet,
		"--ephemeral --ephemeral-set grace-period=x":   flagEphemeralSet,
		"--ephemeral --ephemeral-set unset=image":      flagEphemeralSet,
		"--ephemeral --ephemeral-set config=/nowhere":  "--config",
		"--ephemeral --ephemeral-set limit=memory=4Xi": "--limit",
		"--ephemeral --member 1":                       "--member",
		"--ephemeral --adopt":                          "--adopt",
	} {
		var invalid *usage.Error
		if _, err := buildWith(t, append(strings.Fields(args), ".")...).own(); !errors.As(err, &invalid) || invalid.What != want {
			t.Errorf("%s: got %v; want one about %s", args, err, want)
		}
	}
}
