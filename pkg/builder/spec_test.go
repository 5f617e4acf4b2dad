package builder_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

// valid is a Spec that nothing is wrong with; tests change one thing.
func valid() builder.Spec { return builder.Spec{Namespace: "team"}.WithDefaults() }

func certificate(t testing.TB) []byte {
	t.Helper()
	certificates, err := trust.Issue(time.Now(), "test")
	if err != nil {
		t.Fatal(err)
	}
	return certificates.CA
}

func TestDefaults(t *testing.T) {
	spec := valid()
	if spec.Name != "buildkitd" || spec.Image != "docker.io/moby/buildkit:"+builder.BuildKitVersion || spec.Replicas != 1 {
		t.Errorf("defaults: %+v", spec)
	}
	if err := spec.Validate(); err != nil {
		t.Error(err)
	}
	rootless := builder.Spec{Namespace: "team", Mode: builder.ModeRootless}.WithDefaults()
	if !strings.HasSuffix(rootless.Image, "-rootless") {
		t.Errorf("rootless image: %q", rootless.Image)
	}
	if got := valid().MemberNames(); len(got) != 1 || got[0] != "buildkitd" {
		t.Errorf("members: %v", got)
	}
	several := valid()
	several.Replicas = 2
	if got := several.MemberNames(); len(got) != 2 || got[1] != "buildkitd-1" {
		t.Errorf("members: %v", got)
	}
}

func TestValidate(t *testing.T) {
	one := resource.MustParse("1Gi")
	negative := resource.MustParse("-1Gi")
	cases := map[string]struct {
		change        func(*builder.Spec)
		field, reason string
	}{
		"upper-case name":     {func(s *builder.Spec) { s.Name = "Builder" }, "builder name", "not a DNS label"},
		"long name":           {func(s *builder.Spec) { s.Name = strings.Repeat("a", 53) }, "builder name", "longer than 52"},
		"no namespace":        {func(s *builder.Spec) { s.Namespace = "" }, "namespace", "not a DNS label"},
		"image with a scheme": {func(s *builder.Spec) { s.Image = "https://a/b" }, "image", "not an image reference"},
		"pull secret":         {func(s *builder.Spec) { s.ImagePullSecrets = []string{"A B"} }, "image pull secret", "not a Secret"},
		"service account":     {func(s *builder.Spec) { s.ServiceAccount = "A B" }, "service account", "not a service account"},
		"CA that is none":     {func(s *builder.Spec) { s.RegistryCA = []byte("hello") }, "registry CA", "holds no certificate"},
		"CA that is a key": {func(s *builder.Spec) {
			s.RegistryCA = []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
		}, "registry CA", "not a certificate"},
		"CA that is broken": {func(s *builder.Spec) {
			s.RegistryCA = []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
		}, "registry CA", "cannot be read"},
		"more than the limit":  {func(s *builder.Spec) { s.Requests, s.Limits = list("2Gi"), list("1Gi") }, "request", "more than its limit of 1Gi"},
		"node selector":        {func(s *builder.Spec) { s.NodeSelector = map[string]string{"a b": "c"} }, "node selector", ""},
		"windows":              {func(s *builder.Spec) { s.NodeSelector = map[string]string{"kubernetes.io/os": "windows"} }, "node selector", "Linux"},
		"our own label":        {func(s *builder.Spec) { s.Labels = map[string]string{builder.LabelManagedBy: "me"} }, "label", "belongs to install"},
		"label's value":        {func(s *builder.Spec) { s.Labels = map[string]string{"a": "b c"} }, "label", "a=b c"},
		"our own annotation":   {func(s *builder.Spec) { s.Annotations = map[string]string{builder.AnnotationSpec: "x"} }, "annotation", "belongs to install"},
		"environment variable": {func(s *builder.Spec) { s.Env = []corev1.EnvVar{{Name: "="}} }, "env", ""},
		"debug address, again": {func(s *builder.Spec) { s.Env = []corev1.EnvVar{{Name: "BUILDKITD_DEBUGADDR"}} }, "env", "read the daemon's memory"},
		"certificates twice": {func(s *builder.Spec) {
			s.Env, s.RegistryCA = []corev1.EnvVar{{Name: builder.EnvCertDirs}}, certificate(t)
		}, "env", "registry CA sets it"},
		"replicas":          {func(s *builder.Spec) { s.Replicas = -1 }, "replicas", "not between"},
		"max builds":        {func(s *builder.Spec) { s.MaxBuilds = -1 }, "max-builds", "negative"},
		"priority class":    {func(s *builder.Spec) { s.PriorityClass = "A B" }, "priority-class", "not the name of one"},
		"runtime class":     {func(s *builder.Spec) { s.RuntimeClass = "kata/1" }, "runtime-class", "not the name of one"},
		"scheduler":         {func(s *builder.Spec) { s.Scheduler = "-" }, "scheduler", "not the name of one"},
		"affinity, no YAML": {func(s *builder.Spec) { s.Affinity = []byte("nodeAffinity: [") }, "affinity", "line 1"},
		"affinity's field":  {func(s *builder.Spec) { s.Affinity = []byte("nodeAffinty: {}") }, "affinity", `unknown field "nodeAffinty"`},
		"affinity, deeper":  {func(s *builder.Spec) { s.Affinity = []byte("podAffinity: {preferred: []}") }, "affinity", `unknown field "podAffinity.preferred"`},
		"affinity's case":   {func(s *builder.Spec) { s.Affinity = []byte("NodeAffinity: {}") }, "affinity", `unknown field "NodeAffinity"`},
		"affinity twice":    {func(s *builder.Spec) { s.Affinity = []byte("podAffinity: {}\npodAffinity: {}") }, "affinity", "already set"},
		"affinity of none":  {func(s *builder.Spec) { s.Affinity = []byte("# nothing\n{}") }, "affinity", "says nothing"},
		"two affinities":    {func(s *builder.Spec) { s.Affinity = []byte("podAffinity: {}\n---\npodAffinity: {}") }, "affinity", "2 documents"},
		"affinity, a list":  {func(s *builder.Spec) { s.Affinity = []byte("[1]") }, "affinity", "cannot unmarshal array"},
		"no affinity":       {func(s *builder.Spec) { s.Affinity = []byte("# later\n") }, "affinity", "0 documents"},
		"budget":            {func(s *builder.Spec) { s.Replicas, s.DisruptionBudget = 2, "one" }, "pod-disruption-budget", "neither a number"},
		"budget, negative":  {func(s *builder.Spec) { s.Replicas, s.DisruptionBudget = 2, "-1" }, "pod-disruption-budget", "neither a number"},
		"budget, too much":  {func(s *builder.Spec) { s.Replicas, s.DisruptionBudget = 2, "101%" }, "pod-disruption-budget", "neither a number"},
		"budget, padded":    {func(s *builder.Spec) { s.Replicas, s.DisruptionBudget = 2, "01" }, "pod-disruption-budget", "neither a number"},
		"budget of a Pod":   {func(s *builder.Spec) { s.DisruptionBudget = "1" }, "pod-disruption-budget", "no controller"},
		"patch, no YAML":    {func(s *builder.Spec) { s.Patch = []byte("kind: [") }, "patch", "line 1"},
		"patch of nothing":  {func(s *builder.Spec) { s.Patch = []byte("---\n# none\n---\n") }, "patch", "has no document"},
		"patch, no kind":    {func(s *builder.Spec) { s.Patch = []byte("spec: {}") }, "patch", "must be one of: ConfigMap, Pod,"},
		"patch of others":   {func(s *builder.Spec) { s.Patch = []byte("kind: Node\nspec: {}") }, "patch", `kind "Node": must be one of`},
		"patch, a list":     {func(s *builder.Spec) { s.Patch = []byte("- kind: Pod") }, "patch", "not an object"},
		"patch's version":   {func(s *builder.Spec) { s.Patch = []byte("kind: StatefulSet\napiVersion: apps/v1beta1\nspec: {}") }, "patch", "that of a StatefulSet is apps/v1"},
		"patch's name":      {func(s *builder.Spec) { s.Patch = []byte("kind: Pod\nmetadata: {name: 1}") }, "patch", "metadata.name"},
		"patch, no change":  {func(s *builder.Spec) { s.Patch = []byte("kind: Pod\nmetadata: {name: x}") }, "patch", "changes nothing"},
		"patch, key twice":  {func(s *builder.Spec) { s.Patch = []byte("kind: Pod\nspec: {}\nspec: {}") }, "patch", "document"},
		"storage":           {func(s *builder.Spec) { s.Storage = &negative }, "storage", "not a size"},
		"ten bytes":         {func(s *builder.Spec) { s.Storage = new(resource.MustParse("10")) }, "storage", "at least 1Gi"},
		"debug address":     {func(s *builder.Spec) { s.Config = []byte("[GRPC]\nDebugAddress = \":6060\"") }, "buildkitd.toml", "read the daemon's memory"},
		"listeners":         {func(s *builder.Spec) { s.Config = []byte("[Grpc]\nADDRESS = [\"tcp://0.0.0.0:1\"]") }, "buildkitd.toml", "set by its Pod"},
		"directory":         {func(s *builder.Spec) { s.Config = []byte("Root = \"/tmp\"") }, "buildkitd.toml", "is a volume"},
		"no history":        {func(s *builder.Spec) { s.Config = []byte("[history]\nmaxEntries = 0") }, "buildkitd.toml", "without history"},
		"class, no storage": {func(s *builder.Spec) { s.StorageClass = "fast" }, "storage class", "no volume"},
		"grace period":      {func(s *builder.Spec) { s.GracePeriod = -time.Second }, "grace period", "negative"},
		"configuration":     {func(s *builder.Spec) { s.Config = []byte("a = ") }, "buildkitd.toml", "line 1"},
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			spec := valid()
			test.change(&spec)
			refused(t, spec.Validate(), test.field, test.reason)
		})
	}
	good := valid()
	good.Storage, good.StorageClass, good.Requests, good.Limits, good.RegistryCA = &one, "fast", list("1Gi"), list("1Gi"), certificate(t)
	if err := good.Validate(); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func list(memory string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
}

func TestDaemonConfig(t *testing.T) {
	spec := valid()
	spec.Config = []byte("# mine\n[log]\n  format = \"json\"\n[registry.\"ghcr.io\"]\n  mirrors = [\"a.local\"]")
	spec.Mirrors = map[string][]string{"docker.io": {"mirror.local:5000", "other.local"}}
	spec.InsecureRegistries = []string{"mirror.local:5000"}
	got, err := spec.DaemonConfig(builder.CurrentDefaults)
	want := `# mine
[log]
  format = "json"
[registry."ghcr.io"]
  mirrors = ["a.local"]
[registry."docker.io"]
  mirrors = ["mirror.local:5000", "other.local"]
[registry."mirror.local:5000"]
  http = true
  insecure = true
[cdi]
  disabled = true
[compaction]
  enabled = true
[system]
  sessionAuthTimeout = "5m"
`
	if err != nil || got != want {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, want)
	}
}

func TestDaemonConfigRefuses(t *testing.T) {
	for text, reason := range map[string]string{
		"[registry.\"docker.io\"]\nhttp = true":                    "described there and by another option",
		"registry = { \"ghcr.io\" = {http = true}}":                "cannot be extended",
		"[grpc]\naddress = [\"tcp://0.0.0.0:1\"]":                  "listeners are set by its Pod",
		"[grpc.tls]\ncert = \"x\"":                                 "listeners are set by its Pod",
		"root = \"/tmp\"":                                          "volume of its Pod",
		"[history]\nmaxEntries = 0":                                "none is seen when its Pod stops",
		"History.MAXENTRIES = -1":                                  "none is seen when its Pod stops",
		"history = {maxEntries = 0.0}":                             "none is seen when its Pod stops",
		"[history]\nmaxEntries = \"0\"":                            "none is seen when its Pod stops",
		"[history]\nmaxEntries = 5\nMaxEntries = 0":                "the same as",
		"[history]\nmaxEntries = 5\n[History]\nmaxEntries = 0":     "the same as",
		"[grpc]\nuid = 0\n[GRPC]\naddress = [\"tcp://0.0.0.0:1\"]": "",
		"[worker.oci]\ngc = true\n[worker.OCI]\ngc = false":        "the same as",
		"[log\nformat = 1":                                         "line 1, column",
		"a = 1\na = 2":                                             "buildkitd.toml",
	} {
		spec := valid()
		spec.Config = []byte(text)
		spec.Mirrors = map[string][]string{"docker.io": {"mirror.local:5000"}}
		_, err := spec.DaemonConfig(builder.CurrentDefaults)
		refused(t, err, "buildkitd.toml", reason)
	}
}

func TestCacheLimits(t *testing.T) {
	storage := resource.MustParse("10G")
	onVolume, onNode, limited, said := valid(), valid(), valid(), valid()
	onVolume.Storage = &storage
	limited.Limits = corev1.ResourceList{corev1.ResourceEphemeralStorage: resource.MustParse("10G")}
	said.Storage, said.Config = &storage, []byte("[worker.oci]\n  maxUsedSpace = \"5GB\"\n")
	for name, test := range map[string]struct {
		spec builder.Spec
		want string
	}{
		"volume":                {onVolume, "1000,1000,8000"},
		"node's disk":           {onNode, ""},
		"node's disk, limited":  {limited, "1000,0,8000"},
		"said in the user's":    {said, ""},
		"other worker settings": {func() builder.Spec { s := onVolume; s.Config = []byte("[worker.oci]\n  max-parallelism = 2"); return s }(), "1000,1000,8000"},
	} {
		if got := test.spec.CacheLimits(); got != test.want {
			t.Errorf("%s: %q; want %q", name, got, test.want)
		}
	}
}

func FuzzDaemonConfig(f *testing.F) {
	for _, seed := range []string{"", "# x", "[registry.\"docker.io\"]", "[worker.oci]\ngc = true", "a = '''", "[grpc]\n", "[registry]\n\"docker.io\".http = true"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec := valid()
		spec.Config = []byte(text)
		spec.Mirrors = map[string][]string{"docker.io": {"mirror.local:5000"}}
		config, err := spec.DaemonConfig(builder.CurrentDefaults)
		if err != nil {
			return
		}
		spec.Config, spec.Mirrors = []byte(config), nil
		if _, err := spec.DaemonConfig(builder.CurrentDefaults); err != nil {
			t.Errorf("%q becomes %q, which is refused: %v", text, config, err)
		}
		_ = spec.CacheLimits()
	})
}

func TestParseTopologySpread(t *testing.T) {
	got, err := builder.ParseTopologySpread("zone", "rack=2, kubernetes.io/hostname=1:DoNotSchedule")
	if err != nil || len(got) != 3 || got[0].MaxSkew != 1 || got[0].WhenUnsatisfiable != corev1.ScheduleAnyway || got[1].MaxSkew != 2 ||
		got[2].TopologyKey != "kubernetes.io/hostname" || got[2].WhenUnsatisfiable != corev1.DoNotSchedule {
		t.Errorf("%+v (%v)", got, err)
	}
	for text, reason := range map[string]string{
		"=1": "the key is wrong", "a b": "the key is wrong", "zone=0": "not a number from 1", "zone=": "not a number from 1", "zone=x": "not a number",
		"zone=4294967297": "not a number", "zone:Never": `unknown word "Never"`, "zone:": `unknown word ""`, "zone,zone=2": "zone is given twice",
	} {
		_, err := builder.ParseTopologySpread(text)
		refused(t, err, "topology-spread", reason)
	}
}
