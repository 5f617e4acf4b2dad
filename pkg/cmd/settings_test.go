package cmd

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
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

// Every setting, alone and with all others: the command that info prints makes the same objects.
func TestInstallCommandMakesTheSameBuilder(t *testing.T) {
	t.Chdir(t.TempDir())
	certificates, err := trust.Issue(time.Now(), "team")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"toml": "debug = true\n# it's \"quoted\" \\ and more\n", "ca": string(certificates.CA),
		"affinity": "podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: []}\n",
		"patch":    "kind: Pod\nspec: {hostUsers: false}\n---\nkind: Secret\nmetadata: {name: team-client, labels: {a: b}}\n",
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flags := map[string][]string{
		"image": {"registry.local:5000/buildkit:v1"}, "image-pull-secret": {"a", "b"}, "mode": {"userns"}, "step-network": {"bridge"}, "config": {"toml"},
		"env": {"A=it's $HOME", "B=a,b", "C=", "D=two\nlines \\n"}, "registry-mirror": {"docker.io=m:5000/p", "docker.io=n", "quay.io=m"},
		"insecure-registry": {"r:5000", "s:5000"}, "registry-ca": {"ca"}, "request": {"cpu=500m,memory=1Gi"},
		"limit": {"cpu=2,memory=4Gi,ephemeral-storage=10Gi"}, "node-selector": {"disk=ssd", "zone="}, "service-account": {"builds"},
		"toleration": {"a=b:NoSchedule", "c", ":NoExecute", "d=", "e:PreferNoSchedule"}, "grace-period": {"5m"}, "metrics": {"true"},
		"priority-class": {"builds"}, "affinity": {"affinity"}, "topology-spread": {"zone", "rack=2:DoNotSchedule"}, "runtime-class": {"kata"},
		"scheduler": {"packing"}, "pod-disruption-budget": {"25%"}, "patch": {"patch"},
		"platform": {"linux/amd64,linux/386", "linux/arm64"}, "emulate": {"linux/arm64"}, "emulate-image": {"registry.local:5000/binfmt:v1"},
		"label": {"team=web"}, "annotation": {"note=a, b", "c="}, "replicas": {"3"}, "max-builds": {"4"}, "storage": {"5Gi"}, "storage-class": {"fast"},
	}
	var all []string
	for _, name := range builder.SettingNames() {
		if len(flags[name]) == 0 {
			t.Errorf("the setting %q is not tried", name)
		}
		var args []string
		for _, value := range flags[name] {
			args = append(args, "--"+name+"="+value)
		}
		all = append(all, args...)
		if name == "storage-class" || name == "pod-disruption-budget" {
			args = append(args, "--storage=5Gi")
		}
		if name == "emulate" {
			args = append(args, "--platform=linux/amd64,linux/arm64")
		}
		t.Run(name, func(t *testing.T) { roundTrip(t, certificates, args...) })
	}
	t.Run("all", func(t *testing.T) { roundTrip(t, certificates, all...) })
}

// roundTrip compares what flags make with what the command that info prints makes, which a shell
// reads.
func roundTrip(t *testing.T, certificates *trust.Certificates, args ...string) {
	t.Helper()
	spec := edited(t, builder.Spec{Name: "team", Namespace: "ns"}, append([]string{"team"}, args...)...)
	for _, setting := range spec.Settings() {
		if setting.File == "" {
			continue
		}
		if err := os.WriteFile(setting.File, []byte(setting.Content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := "kubectl() { for each; do printf '%s\\0' \"$each\"; done; }\n" + view.InstallCommand(spec)
	text, err := exec.Command("sh", "-c", script).Output()
	words := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	if err != nil || len(words) < 5 || words[1] != "install" || words[3] != "-n" || words[4] != "ns" {
		t.Fatalf("%q (%v)", words, err)
	}
	again := edited(t, builder.Spec{Name: "team", Namespace: "ns"}, append(words[2:3], words[5:]...)...)
	var objects [2]string
	for n, each := range []builder.Spec{spec, again} {
		built, err := manifest.New(each, certificates)
		if err != nil {
			t.Fatal(err)
		}
		yaml, err := manifest.YAML(built.All())
		if err != nil {
			t.Fatal(err)
		}
		objects[n] = string(yaml)
	}
	if objects[0] != objects[1] {
		t.Errorf("%s\nmakes\n%s\nnot\n%s", view.InstallCommand(spec), objects[1], objects[0])
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
	if want := "kubectl buildkit install team -n ns --mode rootless"; view.InstallCommand(spec) != want {
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
		change  install.Change
		dryRun  string
		wait    bool
		builder string
		context string
		now     string
	}{
		"created":             {change: install.Created, dryRun: "none", wait: true, builder: "team", now: "kubectl buildkit build -n ns --builder team -t REGISTRY/NAME:TAG --push ."},
		"the default builder": {change: install.Created, dryRun: "none", wait: true, builder: "buildkitd", now: "kubectl buildkit build -n ns -t REGISTRY/NAME:TAG --push ."},
		"in another cluster":  {change: install.Created, dryRun: "none", wait: true, builder: "buildkitd", context: "prod", now: "kubectl buildkit --context prod build -n ns -t REGISTRY/NAME:TAG --push ."},
		"configured":          {change: install.Configured, dryRun: "none", wait: true, builder: "team"},
		"unchanged":           {change: install.Unchanged, dryRun: "none", wait: true, builder: "team"},
		"a dry run":           {change: install.Created, dryRun: "server", wait: true, builder: "team"},
		"not waited for":      {change: install.Created, dryRun: "none", builder: "team"},
	} {
		streams, _, out, errOut := genericiooptions.NewTestIOStreams()
		f := newFactory(streams, noEnv)
		*f.flags.Namespace, *f.flags.Context, f.builderName = "ns", c.context, c.builder
		o := &installOptions{dryRun: c.dryRun, wait: c.wait}
		o.spec.name = c.builder
		if err := printOutcome(f, install.Outcome{Change: c.change}, o); err != nil {
			t.Fatal(err)
		}
		want := ""
		if c.now != "" {
			want = "now: " + c.now + "\n"
		}
		if errOut.String() != want || !strings.HasPrefix(out.String(), "builder/"+c.builder+" ") {
			t.Errorf("%s: %q, %q", name, out, errOut)
		}
	}
}
