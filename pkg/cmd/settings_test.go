package cmd

import (
	"context"
	"strings"
	"testing"

	"github.com/google/shlex"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

// edited is what install makes of a builder.
func edited(t *testing.T, current builder.Spec, args ...string) builder.Spec {
	t.Helper()
	var o *installOptions
	parse(t, newInstallCommand(newFactory(genericiooptions.NewTestIOStreamsDiscard(), noEnv), func(_ context.Context, got *installOptions) error {
		o = got
		return nil
	}), args...)
	edit, err := o.spec.edit()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := edit(current)
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// The command that info prints makes the same builder.
func TestInstallCommandMakesTheSameBuilder(t *testing.T) {
	spec := edited(t, builder.Spec{Name: "team", Namespace: "ns"}, "team", "--rootless", "--limit", "cpu=2,memory=4Gi", "--env", "A=it's $HOME",
		"--annotation", "note=a, b", "--toleration", "a=b:NoSchedule", "--toleration", "c", "--insecure-registry", "r:5000", "--insecure-registry", "s:5000",
		"--registry-mirror", "docker.io=m:5000/p", "--replicas", "3", "--storage", "5Gi", "--storage-class", "fast", "--grace-period", "5m")
	words, err := shlex.Split(view.InstallCommand(spec))
	if err != nil || len(words) < 6 || words[2] != "install" || words[4] != "-n" {
		t.Fatalf("%q (%v)", words, err)
	}
	again := edited(t, builder.Spec{Name: "team", Namespace: "ns"}, append(words[3:4], words[6:]...)...)
	if differences := builder.Differences(spec, again); len(differences) > 0 {
		t.Errorf("%s changes %+v", view.InstallCommand(spec), differences)
	}
}

// The remedies of doctor, one after the other: both registries stay.
func TestRemediesAddToTheSettings(t *testing.T) {
	spec := edited(t, builder.Spec{Name: "team", Namespace: "ns"}, "--limit", "memory=2Gi")
	spec = edited(t, spec, "--insecure-registry", "r:5000")
	spec = edited(t, spec, "--insecure-registry", "s:5000")
	spec = edited(t, spec)
	if want := "kubectl buildkit install team -n ns --insecure-registry r:5000 --insecure-registry s:5000 --limit memory=2Gi"; view.InstallCommand(spec) != want {
		t.Errorf("got %s; want %s", view.InstallCommand(spec), want)
	}
	spec = edited(t, spec, "--unset", "insecure-registry=r:5000", "--unset", "--limit")
	if want := "kubectl buildkit install team -n ns --insecure-registry s:5000"; view.InstallCommand(spec) != want {
		t.Errorf("got %s; want %s", view.InstallCommand(spec), want)
	}
	spec = edited(t, spec, "--reset", "--rootless")
	if want := "kubectl buildkit install team -n ns --rootless"; view.InstallCommand(spec) != want {
		t.Errorf("got %s; want %s", view.InstallCommand(spec), want)
	}
}

// Logs of scripts are read by many: what Secrets hold is printed for a dry run alone.
func TestPrintedObjectsHaveNoKeys(t *testing.T) {
	secret := &corev1.Secret{Data: map[string][]byte{"tls.key": []byte("private")}}
	secret.APIVersion, secret.Kind, secret.Name = "v1", "Secret", "b-client"
	objects := []manifest.Object{secret}
	for dryRun, want := range map[bool]bool{true: true, false: false} {
		text, err := manifest.YAML(withoutKeys(objects, dryRun))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "b-client") || strings.Contains(string(text), "tls.key") != want {
			t.Errorf("dry run %v: %s", dryRun, text)
		}
	}
	if len(secret.Data) != 1 {
		t.Error("the Secret itself was emptied")
	}
}

// After the first install its build is one line to copy; after a change it is not.
func TestInstallSaysHowToBuild(t *testing.T) {
	for name, c := range map[string]struct {
		change install.Change
		dryRun string
		wait   bool
		says   bool
	}{
		"created":        {install.Created, "none", true, true},
		"configured":     {install.Configured, "none", true, false},
		"unchanged":      {install.Unchanged, "none", true, false},
		"a dry run":      {install.Created, "server", true, false},
		"not waited for": {install.Created, "none", false, false},
	} {
		streams, _, out, errOut := genericiooptions.NewTestIOStreams()
		f := newFactory(streams, noEnv)
		f.flags.Overrides.Context.Namespace = "ns"
		o := &installOptions{dryRun: c.dryRun, wait: c.wait}
		o.spec.name = "team"
		if err := printOutcome(f, install.Outcome{Change: c.change}, o); err != nil {
			t.Fatal(err)
		}
		const now = "now: kubectl buildkit build -n ns --builder team -t REGISTRY/NAME:TAG --push .\n"
		if (errOut.String() == now) != c.says || !strings.HasPrefix(out.String(), "builder/team ") {
			t.Errorf("%s: %q, %q", name, out, errOut)
		}
	}
}
