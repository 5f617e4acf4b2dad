package builder_test

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// everything is a Spec in which every setting has a value.
func everything(t *testing.T) builder.Spec {
	t.Helper()
	size := resource.MustParse("50Gi")
	spec := builder.Spec{
		Name: "team", Namespace: "ns", Family: "teams", Platforms: []string{"linux/amd64", "linux/arm64"}, Emulate: []string{"linux/arm64"},
		EmulateImage: "registry.local/binfmt:v1", Image: "registry.local/buildkit:v1", Mode: builder.ModeUserNS, StepNetwork: builder.StepNetworkBridge, Config: []byte("debug = true\n"),
		Mirrors: map[string][]string{"docker.io": {"a.local", "b.local"}}, InsecureRegistries: []string{"r:5000", "s:5000"},
		RegistryCA: certificate(t), ImagePullSecrets: []string{"pull"}, ServiceAccount: "sa",
		NodeSelector: map[string]string{"disk": "ssd"}, Labels: map[string]string{"team": "web"}, Annotations: map[string]string{"owner": "web, and qa"},
		Replicas: 3, MaxBuilds: 4, Storage: &size, StorageClass: "fast", Metrics: true, GracePeriod: time.Minute,
		PriorityClass: "builds", RuntimeClass: "kata", Scheduler: "packing", DisruptionBudget: "25%",
		Affinity: []byte("podAntiAffinity: {}\n"), Patch: []byte("kind: Pod\nspec:\n  hostUsers: false\n"),
	}
	var errs [5]error
	spec.Requests, errs[0] = builder.ParseResources("request", "cpu=1,memory=1Gi")
	spec.Limits, errs[1] = builder.ParseResources("limit", "cpu=4,memory=2Gi")
	spec.Tolerations, errs[2] = builder.ParseTolerations("a=b:NoSchedule", "c", ":NoExecute")
	spec.TopologySpread, errs[4] = builder.ParseTopologySpread("zone", "kubernetes.io/hostname=2:DoNotSchedule")
	spec.Env, errs[3] = builder.ParseEnv("HTTPS_PROXY=http://proxy:3128", "EMPTY=")
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return spec
}

// Rootless builders are stored as older versions of this program store and read them; the other
// modes are not theirs to know.
func TestStoredModes(t *testing.T) {
	for mode, want := range map[string]string{
		"": `{"version":1}`, builder.ModePrivileged: `{"version":1}`, builder.ModeRootless: `{"version":1,"rootless":true}`,
		builder.ModeUserNS: `{"version":1,"mode":"userns"}`,
	} {
		text, err := builder.Spec{Mode: mode}.Marshal()
		if err != nil || string(text) != want {
			t.Errorf("%s is stored as %s (%v); want %s", mode, text, err, want)
		}
		back, err := builder.Unmarshal([]byte(want))
		if err != nil || back.RunMode() != (builder.Spec{Mode: mode}).RunMode() || back.Mode == builder.ModePrivileged {
			t.Errorf("%s is read as mode %q (%v)", want, back.Mode, err)
		}
	}
	for want, spec := range map[string]builder.Spec{
		"must be one of: host, bridge": {StepNetwork: "cni"}, "choose --mode userns or privileged": {StepNetwork: "bridge", Mode: builder.ModeRootless},
		"by --step-network; leave one": {StepNetwork: "bridge", Config: []byte("[worker.oci]\nnetworkMode = \"host\"\n")},
	} {
		spec.Name, spec.Namespace = "a", "b"
		if err := spec.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %s", err, want)
		}
	}
	if err := (builder.Spec{Name: "a", Namespace: "b", Mode: "root"}).Validate(); err == nil || !strings.Contains(err.Error(), "must be one of: auto, privileged, rootless, userns") {
		t.Errorf("got %v", err)
	}
}

func TestStoredSpecComesBack(t *testing.T) {
	for name, spec := range map[string]builder.Spec{"nothing": {Name: "team", Namespace: "ns"}, "everything": everything(t)} {
		text, err := spec.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := builder.Unmarshal(text)
		if err != nil {
			t.Fatal(err)
		}
		back.Name, back.Namespace, back.RegistryCA = spec.Name, spec.Namespace, spec.RegistryCA
		again, err := back.Marshal()
		if err != nil || string(again) != string(text) || len(builder.Differences(spec, back)) > 0 {
			t.Errorf("%s: stored as %s, comes back as %s (%v)", name, text, again, err)
		}
	}
}

// A field that is not stored would be taken back by the next install, one that is not shown could
// not be restored.
func TestEverySettingIsStoredAndShown(t *testing.T) {
	spec := everything(t)
	for i := range reflect.TypeFor[builder.Spec]().NumField() {
		if reflect.ValueOf(spec).Field(i).IsZero() {
			t.Errorf("%s has no value in this test", reflect.TypeFor[builder.Spec]().Field(i).Name)
		}
	}
	names := make([]string, 0, len(spec.Settings()))
	for _, setting := range spec.Settings() {
		names = append(names, setting.Name)
	}
	if want := builder.SettingNames(); !slices.Equal(names, want) || len(want)+3 != reflect.TypeFor[builder.Spec]().NumField() {
		t.Errorf("shown are %v; there are %v", names, want)
	}
	for _, name := range names {
		without := spec.Without(name, "")
		if slices.ContainsFunc(without.Settings(), func(s builder.Setting) bool { return s.Name == name }) {
			t.Errorf("--unset %s leaves %+v", name, without.Settings())
		}
		if differences := builder.Differences(spec, without); len(differences) == 0 || differences[0].Name != name && name != "storage" {
			t.Errorf("--unset %s changes %+v", name, differences)
		}
		if again := without.With(spec, name); name != "storage" && name != "platform" && len(builder.Differences(spec, again)) > 0 {
			t.Errorf("--%s again: %+v", name, builder.Differences(spec, again))
		}
		if same := spec.With(spec, name); len(builder.Differences(spec, same)) > 0 {
			t.Errorf("--%s twice: %+v", name, builder.Differences(spec, same))
		}
	}
}

func TestNewerSettingsAreRefused(t *testing.T) {
	var version *usage.Error
	if _, err := builder.Unmarshal([]byte(`{"version":2,"image":{}}`)); !errors.As(err, &version) || !strings.Contains(version.Text(), "of version 2") {
		t.Errorf("version 2: %v", err)
	}
	for _, text := range []string{``, `{}`, `{"version":1,"gpu":true}`, `{"version":1,"gracePeriod":"soon"}`, `[]`} {
		if spec, err := builder.Unmarshal([]byte(text)); err == nil {
			t.Errorf("%s is read as %+v", text, spec)
		}
	}
}

func TestFlagsAddToTheStoredSpec(t *testing.T) {
	given := func(change func(*builder.Spec), names ...string) builder.Spec {
		spec := builder.Spec{Replicas: 1, GracePeriod: builder.DefaultGracePeriod}
		change(&spec)
		return everything(t).With(spec, names...)
	}
	limits, err := builder.ParseResources("limit", "memory=8Gi")
	if err != nil {
		t.Fatal(err)
	}
	second := given(func(s *builder.Spec) { s.RegistryCA = certificate(t) }, "registry-ca")
	cases := map[string]struct {
		got  builder.Spec
		name string
		want string
	}{
		"another insecure registry": {given(func(s *builder.Spec) { s.InsecureRegistries = []string{"t:5000"} }, "insecure-registry"), "insecure-registry", "r:5000 s:5000 t:5000"},
		"the same one":              {given(func(s *builder.Spec) { s.InsecureRegistries = []string{"r:5000"} }, "insecure-registry"), "insecure-registry", "r:5000 s:5000"},
		"another mirror": {given(func(s *builder.Spec) { s.Mirrors = map[string][]string{"docker.io": {"c.local"}, "quay.io": {"q"}} }, "registry-mirror"),
			"registry-mirror", "docker.io=a.local docker.io=b.local docker.io=c.local quay.io=q"},
		"a higher limit":  {given(func(s *builder.Spec) { s.Limits = limits }, "limit"), "limit", "cpu=4 memory=8Gi"},
		"one member":      {given(func(*builder.Spec) {}, "replicas"), "replicas", ""},
		"the usual mode":  {given(func(s *builder.Spec) { s.Mode = builder.ModePrivileged }, "mode"), "mode", ""},
		"not userns":      {everything(t).Without("mode", "userns"), "mode", ""},
		"not rootless":    {everything(t).Without("mode", "rootless"), "mode", "userns"},
		"one network":     {given(func(s *builder.Spec) { s.StepNetwork = builder.StepNetworkHost }, "step-network"), "step-network", ""},
		"nothing":         {given(func(*builder.Spec) {}), "replicas", "3"},
		"limit of memory": {everything(t).Without("limit", "memory"), "limit", "cpu=4"},
		"a wider spread": {given(func(s *builder.Spec) { s.TopologySpread = spread(t, "zone=3", "rack") }, "topology-spread"),
			"topology-spread", "zone=3:ScheduleAnyway kubernetes.io/hostname=2:DoNotSchedule rack=1:ScheduleAnyway"},
		"a spread less":   {everything(t).Without("topology-spread", "zone"), "topology-spread", "kubernetes.io/hostname=2:DoNotSchedule"},
		"one registry":    {everything(t).Without("insecure-registry", "r:5000"), "insecure-registry", "s:5000"},
		"one mirror":      {everything(t).Without("registry-mirror", "docker.io=a.local"), "registry-mirror", "docker.io=b.local"},
		"mirrors of one":  {everything(t).Without("registry-mirror", "docker.io"), "registry-mirror", ""},
		"a toleration":    {everything(t).Without("toleration", "a"), "toleration", "c :NoExecute"},
		"a variable":      {everything(t).Without("env", "EMPTY"), "env", "HTTPS_PROXY=http://proxy:3128"},
		"what is not set": {everything(t).Without("limit", "gpu"), "limit", "cpu=4 memory=2Gi"},
	}
	for name, test := range cases {
		if got := valuesOf(test.got, test.name); strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q; want %q", name, got, test.want)
		}
	}
	both := valuesOf(second, "registry-ca")
	if len(both) != 2 || second.Validate() != nil {
		t.Fatalf("two CAs: %q (%v)", both, second.Validate())
	}
	_, fingerprint, _ := strings.Cut(strings.TrimSuffix(both[0], ")"), "(")
	if left := valuesOf(second.Without("registry-ca", fingerprint), "registry-ca"); len(left) != 1 || left[0] != both[1] {
		t.Errorf("without the first CA: %q; there were %q", left, both)
	}
}

func spread(t *testing.T, texts ...string) []corev1.TopologySpreadConstraint {
	t.Helper()
	constraints, err := builder.ParseTopologySpread(texts...)
	if err != nil {
		t.Fatal(err)
	}
	return constraints
}

func valuesOf(spec builder.Spec, name string) []string {
	for _, setting := range spec.Settings() {
		if setting.Name == name {
			return setting.Values
		}
	}
	return nil
}
