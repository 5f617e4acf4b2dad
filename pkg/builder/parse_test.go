package builder_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func TestParseResources(t *testing.T) {
	got, err := builder.ParseResources("request", "cpu=500m,memory=1Gi", "ephemeral-storage=10Gi")
	want := corev1.ResourceList{
		"cpu": resource.MustParse("500m"), "memory": resource.MustParse("1Gi"), "ephemeral-storage": resource.MustParse("10Gi"),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := builder.ParseResources("request", "", " , "); got != nil || err != nil {
		t.Errorf("nothing gives %v, %v", got, err)
	}
	wrong := map[string]string{
		"cpu":                "not KEY=VALUE",
		"=1":                 "not KEY=VALUE",
		"cpu=":               "cannot be read",
		"cpu=lots":           "cannot be read",
		"memory=-1Gi":        "negative",
		"cpu=1,cpu=2":        "given twice",
		"not a resource=1Gi": "name is wrong",
	}
	for text, reason := range wrong {
		_, err := builder.ParseResources("request", text)
		refused(t, err, "request", reason)
	}
}

func TestParsePairs(t *testing.T) {
	got, err := builder.ParsePairs("node selector", "disk=ssd,zone=", "arch=a=b")
	if want := map[string]string{"disk": "ssd", "zone": "", "arch": "a=b"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	_, err = builder.ParsePairs("node selector", "ssd")
	refused(t, err, "node selector", "not KEY=VALUE")
}

func TestParseAnnotations(t *testing.T) {
	got, err := builder.ParseAnnotations("team=build, test and release", "url=http://a?b=c")
	want := map[string]string{"team": "build, test and release", "url": "http://a?b=c"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
}

func TestParseTolerations(t *testing.T) {
	cases := map[string]corev1.Toleration{
		"key=value:NoSchedule": {Key: "key", Operator: "Equal", Value: "value", Effect: "NoSchedule"},
		"key:NoExecute":        {Key: "key", Operator: "Exists", Effect: "NoExecute"},
		"key":                  {Key: "key", Operator: "Exists"},
		"key=value":            {Key: "key", Operator: "Equal", Value: "value"},
		"key=:NoSchedule":      {Key: "key", Operator: "Equal", Effect: "NoSchedule"},
		":NoSchedule":          {Operator: "Exists", Effect: "NoSchedule"},
		"example.com/gpu":      {Key: "example.com/gpu", Operator: "Exists"},
	}
	for text, want := range cases {
		got, err := builder.ParseTolerations(text)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q gives %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, reason := range map[string]string{
		"key:Never":             "unknown effect Never",
		"key:":                  "effect is missing",
		"=value:NoSchedule":     "needs a key",
		":":                     "effect is missing",
		"a b:NoSchedule":        "key is wrong",
		"key=a b:NoSchedule":    "value is wrong",
		"key=a:b:NoSchedule":    "unknown effect",
		"key=value:noschedule ": "unknown effect noschedule",
	} {
		_, err := builder.ParseTolerations(text)
		refused(t, err, "toleration", reason)
	}
	if got, err := builder.ParseTolerations("a,b:NoExecute"); err != nil || len(got) != 2 {
		t.Errorf("a list gives %v, %v", got, err)
	}
}

func TestParseEnv(t *testing.T) {
	got, err := builder.ParseEnv("HTTPS_PROXY=http://proxy:3128", "NO_PROXY=a,b,c", "EMPTY=")
	want := []corev1.EnvVar{
		{Name: "HTTPS_PROXY", Value: "http://proxy:3128"}, {Name: "NO_PROXY", Value: "a,b,c"}, {Name: "EMPTY"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for text, reason := range map[string]string{"HTTPS_PROXY": "no value", "=x": "name is wrong", "A B=x": "name is wrong"} {
		_, err := builder.ParseEnv(text)
		refused(t, err, "env", reason)
	}
	_, err = builder.ParseEnv("A=1", "A=2")
	refused(t, err, "env", "given twice")
}

func TestParseMirrors(t *testing.T) {
	got, err := builder.ParseMirrors("docker.io=mirror.local:5000", "docker.io=harbor.local/proxy,ghcr.io=10.0.0.1:80")
	want := map[string][]string{"docker.io": {"mirror.local:5000", "harbor.local/proxy"}, "ghcr.io": {"10.0.0.1:80"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for text, reason := range map[string]string{
		"docker.io":                    "not KEY=VALUE",
		"docker.io=":                   "mirror is not a host",
		"docker.io=http://mirror":      "mirror has a scheme",
		"https://docker.io=mirror":     "registry has a scheme",
		"docker.io/library=mirror":     "registry has a path",
		"docker.io=mirror:99999":       "wrong port",
		"docker.io=mirror/":            "wrong path",
		`docker.io=mirror/a"b`:         "wrong path",
		"docker.io=mirror_with_uscore": "not a host",
	} {
		_, err := builder.ParseMirrors(text)
		refused(t, err, "registry mirror", reason)
	}
}

func TestParseRegistries(t *testing.T) {
	got, err := builder.ParseRegistries("insecure registry", "registry.local:5000,10.0.0.1", "[::1]:5000")
	want := []string{"registry.local:5000", "10.0.0.1", "[::1]:5000"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	_, err = builder.ParseRegistries("insecure registry", "http://registry.local")
	refused(t, err, "insecure registry", "has a scheme")
}

// refused fails unless the error is about that field, for that reason.
func refused(t *testing.T, err error, field, reason string) {
	t.Helper()
	var invalid *usage.Error
	switch {
	case !errors.As(err, &invalid):
		t.Errorf("got %v; want a usage.Error with %q", err, reason)
	case invalid.What != field && invalid.What != "--"+strings.ReplaceAll(field, " ", "-") || !strings.Contains(invalid.Error(), reason):
		t.Errorf("got %q; want it about %q with %q", invalid, field, reason)
	}
}

// What a parser accepts, it must have understood: the Spec made of it is either valid or refused by
// name, and printing it never breaks the daemon's configuration.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"cpu=500m,memory=1Gi", "disk=ssd", "key=value:NoSchedule", ":NoExecute", "A=b", "docker.io=mirror.local:5000/x",
		"registry.local:5000", "[::1]:5000", "=,=:/", "docker.io=a\"b", "\x00=\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		spec := builder.Spec{Namespace: "team"}.WithDefaults()
		if requests, err := builder.ParseResources("request", text); err == nil {
			spec.Requests = requests
		}
		if pairs, err := builder.ParsePairs("label", text); err == nil {
			spec.Labels = pairs
		}
		if tolerations, err := builder.ParseTolerations(text); err == nil {
			for _, toleration := range tolerations {
				if toleration.Key == "" && toleration.Effect == "" {
					t.Errorf("%q tolerates everything", text)
				}
			}
		}
		if env, err := builder.ParseEnv(text); err == nil {
			spec.Env = env
		}
		mirrors, err := builder.ParseMirrors(text)
		if err != nil {
			mirrors = nil
		}
		hosts, err := builder.ParseRegistries("insecure registry", text)
		if err != nil {
			hosts = nil
		}
		spec.Mirrors, spec.InsecureRegistries = mirrors, hosts
		if _, err := spec.DaemonConfig(builder.CurrentDefaults); err != nil {
			t.Errorf("%q parses into registries that break the configuration: %v", text, err)
		}
		if err := spec.Validate(); err != nil {
			var invalid *usage.Error
			if !errors.As(err, &invalid) {
				t.Errorf("%q is refused by %T", text, err)
			}
		}
	})
}
