package cmd

import (
	"context"
	"testing"

	"github.com/google/shlex"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
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
	words, err := shlex.Split(installCommand(spec))
	if err != nil || len(words) < 6 || words[2] != "install" || words[4] != "-n" {
		t.Fatalf("%q (%v)", words, err)
	}
	again := edited(t, builder.Spec{Name: "team", Namespace: "ns"}, append(words[3:4], words[6:]...)...)
	if differences := builder.Differences(spec, again); len(differences) > 0 {
		t.Errorf("%s changes %+v", installCommand(spec), differences)
	}
}

// The remedies of doctor, one after the other: both registries stay.
func TestRemediesAddToTheSettings(t *testing.T) {
	spec := edited(t, builder.Spec{Name: "team", Namespace: "ns"}, "--limit", "memory=2Gi")
	spec = edited(t, spec, "--insecure-registry", "r:5000")
	spec = edited(t, spec, "--insecure-registry", "s:5000")
	spec = edited(t, spec)
	if want := "kubectl buildkit install team -n ns --insecure-registry r:5000 --insecure-registry s:5000 --limit memory=2Gi"; installCommand(spec) != want {
		t.Errorf("got %s; want %s", installCommand(spec), want)
	}
	spec = edited(t, spec, "--unset", "insecure-registry=r:5000", "--unset", "--limit")
	if want := "kubectl buildkit install team -n ns --insecure-registry s:5000"; installCommand(spec) != want {
		t.Errorf("got %s; want %s", installCommand(spec), want)
	}
	spec = edited(t, spec, "--reset", "--rootless")
	if want := "kubectl buildkit install team -n ns --rootless"; installCommand(spec) != want {
		t.Errorf("got %s; want %s", installCommand(spec), want)
	}
}
