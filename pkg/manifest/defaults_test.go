package manifest_test

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
)

// Builders that were made before there were these defaults are recognized by what was written then:
// else the next install would replace their Pods, and their caches would go.
func TestFormerDefaultsMakeTheSameObjects(t *testing.T) {
	storage := resource.MustParse("50Gi")
	for want, change := range map[string]func(*builder.Spec){
		"sha256:6d7300f71e9d46285d600675dc128fd5abff9d4d689d16fc3feb2e22eb81851b": func(*builder.Spec) {},
		"sha256:3ad7f98d39c7550648c378a282678a2f1dc596cf00e112730f7c5e5ddc97846d": everything,
		"sha256:5113b3ba419e694ed672f7341a83fa5b393048fc6bb894ae4be4bba2d89fc95f": func(s *builder.Spec) {
			s.Storage, s.StorageClass, s.Mode = &storage, "fast", builder.ModeRootless
		},
	} {
		spec := builder.Spec{Namespace: "team"}
		change(&spec)
		objects, err := manifest.NewStarted(spec, certificates(), manifest.Started{Certificates: certificates().Fingerprint(), CacheLimits: spec.CacheLimits()})
		if err != nil {
			t.Fatal(err)
		}
		config, _ := objects.Config().(*corev1.ConfigMap)
		if got := objects.Pod.Annotations[builder.AnnotationSpec]; got != want || len(config.Data["provenance.json"]) > 0 {
			t.Errorf("%s: the hash is now %s, with %v", want, got, config.Data)
		}
	}
}

func TestMembersHaveTheDefaults(t *testing.T) {
	objects := make1(t, func(s *builder.Spec) { s.Limits = resources("cpu=8") })
	daemon := objects.Pod.Spec.Containers[0]
	config, _ := objects.Config().(*corev1.ConfigMap)
	at := slices.Index(daemon.Args, "--oci-max-parallelism")
	if at < 0 || daemon.Args[at+1] != "16" || !strings.Contains(config.Data["buildkitd.toml"], "[compaction]\n  enabled = true") {
		t.Errorf("%v, %v", daemon.Args, config.Data)
	}
	mounted := slices.ContainsFunc(daemon.VolumeMounts, func(mount corev1.VolumeMount) bool { return mount.MountPath == "/etc/buildkit/provenance.d" })
	if !mounted || !strings.Contains(config.Data["provenance.json"], `"namespace":"team"`) {
		t.Errorf("%v, %v", daemon.VolumeMounts, config.Data)
	}
	own := make1(t, func(s *builder.Spec) { s.Config = []byte("provenanceEnvDir = \"/mine\"\n") })
	if daemon := own.Pod.Spec.Containers[0]; len(daemon.VolumeMounts) != 3 || slices.Contains(daemon.Args, "--oci-max-parallelism") {
		t.Errorf("%+v", daemon)
	}
}
