package cmd

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/tunnel"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func noEnv(string) (string, bool) { return "", false }

// call runs the whole command line as main does.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	streams, _, out, errOut := genericiooptions.NewTestIOStreams()
	code = Run(t.Context(), args, streams, noEnv)
	return out.String(), errOut.String(), code
}

func TestHelpSpeaksOfKubectlBuildkit(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"build", "--help"}, {"install", "-h"}} {
		stdout, stderr, code := call(t, args...)
		if code != explain.CodeOK || stderr != "" || !strings.Contains(stdout, "kubectl buildkit") || strings.Contains(stdout, "  kubectl-buildkit") {
			t.Errorf("%v: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

func TestMisuse(t *testing.T) {
	for name, args := range map[string][]string{
		"unknown command":  {"biuld"},
		"unknown flag":     {"build", "--pussh", "."},
		"too many names":   {"install", "a", "b"},
		"too many paths":   {"build", "a", "b"},
		"no path":          {"build"},
		"list takes none":  {"list", "x"},
		"bad value":        {"install", "--timeout", "soon"},
		"negative timeout": {"install", "--timeout", "-1s"},
		"unknown dry run":  {"install", "--dry-run=maybe"},
		"unknown output":   {"install", "-o", "xml"},
		"no replicas":      {"install", "--replicas", "0"},
		"bad storage":      {"install", "--storage", "much"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, code := call(t, args...)
			if code != explain.CodeUsage || stdout != "" || !strings.HasPrefix(stderr, "error: ") {
				t.Errorf("exit %d, stdout %q, stderr %q", code, stdout, stderr)
			}
		})
	}
}

func TestBuildFlagsReachTheOptions(t *testing.T) {
	var got *buildOptions
	parse(t, newBuildCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *buildOptions) error {
		got = o
		return nil
	}), "-t", "a:1", "-t", "b:2", "-f", "other", "--build-arg", "A=1,2", "--target", "x", "--platform", "linux/amd64,linux/arm64",
		"--label", "k=v", "--no-cache", "--pull", "--push", "-o", "type=oci,dest=x", "-q", "--metadata-file", "m", "--iidfile", "i",
		"--builder", "team", "--member", "2", "--transport", "spdy", "--install=false", "dir")
	if !slices.Equal(got.Tags, []string{"a:1", "b:2"}) || got.File != "other" || !slices.Equal(got.BuildArgs, []string{"A=1,2"}) {
		t.Errorf("input: %+v", got)
	}
	if got.Target != "x" || !slices.Equal(got.Platforms, []string{"linux/amd64,linux/arm64"}) || !got.NoCache || !got.Pull || !got.Push {
		t.Errorf("steps: %+v", got)
	}
	if !slices.Equal(got.Outputs, []string{"type=oci,dest=x"}) || got.MetadataFile != "m" || got.ImageIDFile != "i" || !got.quiet {
		t.Errorf("output: %+v", got)
	}
	want := connectOptions{builder: "team", member: "2", named: true, transport: "spdy", renew: true}
	if !reflect.DeepEqual(got.connect, want) || got.install || got.Path != "dir" {
		t.Errorf("connection: %+v", got)
	}
}

func TestInstallFlagsReachTheSpec(t *testing.T) {
	var got *installOptions
	parse(t, newInstallCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, o *installOptions) error {
		got = o
		return nil
	}), "team", "--rootless", "--registry-mirror", "docker.io=mirror:5000", "--insecure-registry", "reg:5000", "--request", "cpu=1",
		"--limit", "cpu=2,memory=4Gi", "--node-selector", "disk=ssd", "--toleration", "a=b:NoSchedule", "--image-pull-secret", "pull",
		"--service-account", "sa", "--label", "l=1", "--annotation", "a=1, 2", "--env", "E=1", "--replicas", "2", "--storage", "5Gi",
		"--storage-class", "fast", "--force", "--wait=false", "--timeout", "1m", "--dry-run")
	edit, err := got.spec.edit()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := edit(builder.Spec{Name: "team", Namespace: "ns"})
	if err != nil {
		t.Fatal(err)
	}
	if spec.Name != "team" || !spec.Rootless() || spec.Image != "" || spec.Replicas != 2 || spec.Storage.String() != "5Gi" {
		t.Errorf("spec: %+v", spec)
	}
	if !slices.Equal(spec.Mirrors["docker.io"], []string{"mirror:5000"}) || spec.Limits.Memory().String() != "4Gi" || spec.NodeSelector["disk"] != "ssd" {
		t.Errorf("spec: %+v", spec)
	}
	if spec.Annotations["a"] != "1, 2" || spec.Labels["l"] != "1" || spec.Env[0].Value != "1" || len(spec.Tolerations) != 1 {
		t.Errorf("spec: %+v", spec)
	}
	if !got.force || got.wait || got.timeout != time.Minute || got.dryRun != "client" {
		t.Errorf("options: %+v", got)
	}
}

func TestModes(t *testing.T) {
	for line, want := range map[string]string{
		"": "userns", "--mode privileged": "", "--mode rootless": "rootless", "--mode userns": "userns", "--rootless": "rootless",
		"--rootless --mode rootless": "rootless", "--rootless=false": "userns", "--rootless=false --mode userns": "userns",
		"--unset mode": "", "--unset rootless": "userns", "--unset --rootless": "userns", "--unset mode=userns": "", "--reset": "",
		"--rootless --mode userns": "refused: leave one of the two out", "--rootless=false --mode rootless": "refused: leave one of the two out",
		"--mode root": "refused: must be one of: auto, privileged, rootless, userns", "--mode auto": "auto", "--rootless --mode auto": "refused: leave one of the two out", "--unset roots": "refused: must be one of: image",
	} {
		o := &installOptions{}
		parse(t, newInstallCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, given *installOptions) error {
			o = given
			return nil
		}), strings.Fields(line)...)
		got := ""
		edit, err := o.spec.edit()
		if err == nil {
			var spec builder.Spec
			spec, err = edit(builder.Spec{Name: "team", Namespace: "ns", Mode: builder.ModeUserNS})
			got = spec.Mode
		}
		if refused, found := strings.CutPrefix(want, "refused: "); found != (err != nil) || found && !strings.Contains(err.Error(), refused) || !found && got != want {
			t.Errorf("%q: mode %q (%v); want %q", line, got, err, want)
		}
	}
	rootless := builder.Spec{Name: "team", Namespace: "ns", Mode: builder.ModeRootless}
	for _, line := range []string{"--rootless=false", "--unset rootless", "--unset rootless=true"} {
		if spec := edited(t, rootless, strings.Fields(line)...); spec.Mode != "" {
			t.Errorf("%s: mode %q", line, spec.Mode)
		}
	}
}

func parse(t *testing.T, c *cobra.Command, args ...string) {
	t.Helper()
	c.SetArgs(args)
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		next string
	}{
		{errors.New("anything"), explain.CodeFailed, ""},
		{&usage.Error{What: "--x", Value: "y", Reason: "z"}, explain.CodeUsage, ""},
		{&cluster.NotFoundError{Name: "n", Namespace: "ns"}, explain.CodeNoBuilder, "kubectl buildkit install n -n ns"},
		{&kube.ForbiddenError{Verb: "get", Resource: "secrets", Name: "n-client", Namespace: "ns"}, explain.CodeDenied, "--role n-user"},
		{&kube.ForbiddenError{Verb: "list", Resource: "pods", Namespace: "ns"}, explain.CodeDenied, "kubectl auth can-i list pods -n ns"},
		{&install.StartError{Name: "n", Namespace: "ns", Reason: "Unschedulable"}, explain.CodeNoBuilder, "--node-selector"},
		{&tunnel.DialError{Pod: "p", Namespace: "ns"}, explain.CodeNoBuilder, "--transport"},
		{&tunnel.ForbiddenError{Pod: "n", Namespace: "ns", Verb: "create", Resource: "pods/portforward"}, explain.CodeDenied, "n-user"},
	} {
		told := explain.Error(c.err)
		if told.Code != c.code || !strings.Contains(told.Next, c.next) || told.Text == "" {
			t.Errorf("%#v: %+v", c.err, told)
		}
	}
}
