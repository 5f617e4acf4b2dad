package cmd

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

func TestDoctorFlagsReachTheOptions(t *testing.T) {
	var got *doctorOptions
	parse(t, newDoctorCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *doctorOptions) error {
		got = o
		return nil
	}), "team", "-o", "json", "--registry", "https://r.io/v2/", "--push-to", "r.io/a/b", "--push-to", "r.io/c")
	if err := got.check(); err != nil {
		t.Fatal(err)
	}
	if got.builder != "team" || got.output != "json" || !slices.Equal(got.registries, []string{"r.io"}) || len(got.pushes) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestDoctorMisuse(t *testing.T) {
	for _, args := range [][]string{
		{"-o", "xml"}, {"--registry", "r.io/path/in"}, {"--push-to", "UPPER"}, {"Not_A_Name"}, {"a", "b"},
	} {
		if stdout, stderr, code := call(t, append([]string{"doctor"}, args...)...); code != explain.CodeUsage || stdout != "" {
			t.Errorf("%q: exit %d, %s%s", args, code, stdout, stderr)
		}
	}
}

// Without a cluster the checks of this machine are still worth something, and nothing of what is
// secret is shown.
func TestDoctorWithoutACluster(t *testing.T) {
	home := t.TempDir()
	config := `{"auths":{"r.io":{"auth":"dTpoaWRkZW4="}},"credHelpers":{"x.io":"absent"}}`
	if err := os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	streams, _, out, errOut := genericiooptions.NewTestIOStreams()
	code := Run(t.Context(), []string{"doctor", "-o", "json", "--kubeconfig", filepath.Join(home, "none")}, streams, func(name string) (string, bool) {
		if name == "DOCKER_CONFIG" {
			return home, true
		}
		return "", false
	})
	var report struct {
		OK     bool
		Checks []checkup.Result
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatal(err)
	}
	got := map[string]checkup.Result{}
	for _, check := range report.Checks {
		got[check.Name] = check
	}
	if code != explain.CodeUsage || report.OK || got["kubeconfig"].Status != checkup.Failed || got["API server"].Status != checkup.Skipped {
		t.Errorf("exit %d, %s", code, out)
	}
	docker := got["docker config"]
	if docker.Status != checkup.Warning || !strings.Contains(docker.Message, "r.io") || !strings.Contains(docker.Message, "docker-credential-absent for x.io") {
		t.Errorf("docker config: %+v", docker)
	}
	if text := out.String() + errOut.String(); strings.Contains(text, "hidden") || strings.Contains(text, "dTpoaWRkZW4") {
		t.Errorf("it tells secrets: %s", text)
	}
}
