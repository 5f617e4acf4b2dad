package family_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/family"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/internal/testcluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/manifest"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func clientOf(t *testing.T, c *testcluster.Cluster) *cluster.Client {
	t.Helper()
	client, err := cluster.New(c.Config(), testcluster.Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// nodes are Linux nodes of these architectures.
func nodes(c *testcluster.Cluster, architectures ...string) {
	for _, arch := range architectures {
		c.Put("nodes", &corev1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: "node-" + arch, Labels: map[string]string{corev1.LabelArchStable: arch, corev1.LabelOSStable: "linux"},
		}})
	}
}

// edit is the Edit that changes what is stored.
func edit(change func(*builder.Spec)) install.Edit {
	return func(current builder.Spec) (builder.Spec, error) {
		change(&current)
		return current, current.Validate()
	}
}

func platforms(list ...string) install.Edit {
	return edit(func(s *builder.Spec) { s.Platforms = list })
}

func mustInstall(t *testing.T, c *testcluster.Cluster, change install.Edit) install.Outcome {
	t.Helper()
	outcome, err := family.Install(t.Context(), clientOf(t, c), "ci", change, install.Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

// objectsOf are the objects that a builder of one Pod has.
func objectsOf(names ...string) (all []string) {
	for _, name := range names {
		all = append(all, "configmaps/"+name+"-config", "pods/"+name, "roles/"+name+"-user", "secrets/"+name+"-client", "secrets/"+name+"-server")
	}
	slices.Sort(all)
	return all
}

// installed are the objects besides the nodes.
func installed(c *testcluster.Cluster) []string {
	return slices.DeleteFunc(c.Names(), func(name string) bool { return strings.HasPrefix(name, "nodes/") })
}

func document(t *testing.T, c *testcluster.Cluster, name string) []builder.Native {
	t.Helper()
	secret := &corev1.Secret{}
	c.Read("secrets", builder.ClientSecretName(name), secret)
	connection, err := manifest.ReadConnection(secret)
	if err != nil {
		t.Fatal(err)
	}
	return connection.Platforms
}

func TestFamilyIsInstalledAndChanged(t *testing.T) {
	server := testcluster.New(t)
	nodes(server, "amd64", "386")
	server.OnPod(server.Ready)
	outcome := mustInstall(t, server, platforms("linux/amd64", "linux/386"))
	if got, want := installed(server), objectsOf("ci", "ci-386"); !slices.Equal(got, want) {
		t.Fatalf("there are %v; want %v", got, want)
	}
	if outcome.Change != install.Created || len(outcome.Objects) != 10 || len(outcome.Members) != 2 || outcome.Members[0].Pod != "ci" || outcome.Objects[0].GetName() != "ci-386-server" {
		t.Errorf("outcome: %+v", outcome)
	}
	want := []builder.Native{{Platform: "linux/amd64", Builder: "ci"}, {Platform: "linux/386", Builder: "ci-386"}}
	if got := document(t, server, "ci"); !slices.Equal(got, want) {
		t.Errorf("the document lists %+v", got)
	}
	for name, arch := range map[string]string{"ci": "amd64", "ci-386": "386"} {
		pod := &corev1.Pod{}
		server.Read("pods", name, pod)
		if pod.Spec.NodeSelector[corev1.LabelArchStable] != arch || (pod.Labels[builder.LabelFamily] == "ci") != (name != "ci") {
			t.Errorf("Pod %s: %v %v", name, pod.Spec.NodeSelector, pod.Labels)
		}
	}
	role := &rbacv1.Role{}
	server.Read("roles", "ci-user", role)
	if got := role.Rules[0].ResourceNames; !slices.Equal(got, []string{"ci-client", "ci-386-client"}) {
		t.Errorf("users of ci read %v", got)
	}
	if got := role.Rules[1].ResourceNames; !slices.Equal(got, []string{"ci", "ci-386"}) {
		t.Errorf("users of ci see %v", got)
	}
	server.Forget()
	if outcome := mustInstall(t, server, install.Keep); outcome.Change != install.Unchanged || len(server.Writes()) > 0 {
		t.Errorf("again: %s, %v", outcome.Change, server.Writes())
	}
	uid := server.UID("pods", "ci-386")
	nodes(server, "arm")
	mustInstall(t, server, platforms("linux/amd64", "linux/386", "linux/arm/v7"))
	if got := installed(server); !slices.Equal(got, objectsOf("ci", "ci-386", "ci-arm")) || server.UID("pods", "ci-386") != uid {
		t.Errorf("with arm there are %v", got)
	}
	uid = server.UID("pods", "ci")
	outcome = mustInstall(t, server, platforms("linux/amd64", "linux/arm/v7"))
	if got := installed(server); !slices.Equal(got, objectsOf("ci", "ci-arm")) || server.UID("pods", "ci") != uid || outcome.Change == install.Created {
		t.Errorf("without 386 (%s) there are %v", outcome.Change, got)
	}
	if got := document(t, server, "ci"); len(got) != 2 || got[1].Builder != "ci-arm" {
		t.Errorf("the document lists %+v", got)
	}
}

// The document must never name a builder that is not there.
func TestFurtherBuildersAreWrittenFirst(t *testing.T) {
	server := testcluster.New(t)
	nodes(server, "amd64", "386")
	server.OnPod(func(name string) {
		if name == "ci-386" && slices.Contains(server.Names(), "secrets/ci-client") {
			t.Error("the document was there before the Pod of ci-386")
		}
		server.Ready(name)
	})
	mustInstall(t, server, platforms("linux/amd64", "linux/386"))
}

// New certificates are those of all, each its own.
func TestRotationIsThatOfTheFamily(t *testing.T) {
	server := testcluster.New(t)
	nodes(server, "amd64", "386")
	server.OnPod(server.Ready)
	mustInstall(t, server, platforms("linux/amd64", "linux/386"))
	authorities := func() (all []string) {
		for _, name := range []string{"ci", "ci-386"} {
			secret := &corev1.Secret{}
			server.Read("secrets", builder.ClientSecretName(name), secret)
			all = append(all, string(secret.Data["ca.crt"]))
		}
		return all
	}
	before := authorities()
	if _, err := family.Install(t.Context(), clientOf(t, server), "ci", install.Keep, install.Options{Rotate: true}, nil); err != nil {
		t.Fatal(err)
	}
	if after := authorities(); after[0] == before[0] || after[1] == before[1] || after[0] == after[1] {
		t.Error("not all builders have other certificates, each its own")
	}
}

// What is refused is refused before the first change.
func TestFamilyIsRefusedBeforeAnyChange(t *testing.T) {
	server := testcluster.New(t)
	nodes(server, "amd64")
	server.OnPod(server.Ready)
	client := clientOf(t, server)
	if _, err := family.Install(t.Context(), client, "ci-386", install.Keep, install.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	mustInstall(t, server, platforms("linux/amd64", "linux/arm64"))
	server.Put("pods", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "ci-riscv64"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "x"}}}})
	server.Forget()
	var (
		taken   *family.TakenError
		member  *family.MemberError
		foreign *install.ForeignError
		wrong   *usage.Error
	)
	agreed := false
	options := install.Options{Confirm: func(context.Context, install.Plan) error { agreed = true; return nil }}
	for _, test := range []struct {
		name   string
		change install.Edit
		want   any
	}{
		{"ci", platforms("linux/amd64", "linux/arm64", "linux/386"), &taken},
		{"ci", platforms("linux/amd64", "linux/arm64", "linux/riscv64"), &foreign},
		{"ci-arm64", edit(func(s *builder.Spec) { s.MaxBuilds = 2 }), &member},
		{"ci", platforms("linux/arm64", "linux/amd64"), &wrong},
	} {
		_, err := family.Install(t.Context(), client, test.name, test.change, options, nil)
		if !errors.As(err, test.want) || len(server.Writes()) > 0 || agreed {
			t.Errorf("%s: got %v (%T), written: %v, asked: %t", test.name, err, err, server.Writes(), agreed)
		}
	}
	if _, err := family.Install(t.Context(), client, "ci-arm64", install.Keep, install.Options{}, nil); err != nil || len(server.Writes()) > 0 {
		t.Errorf("kept as it is: %v, %v", err, server.Writes())
	}
}

func TestMissingNodesAreEmulated(t *testing.T) {
	server := testcluster.New(t)
	nodes(server, "amd64", "arm")
	server.OnPod(server.Ready)
	emulate := edit(func(s *builder.Spec) {
		s.Platforms = []string{"linux/arm64", "linux/amd64", "linux/arm/v7"}
		s.Emulate = append(s.Emulate, builder.EmulateMissing)
	})
	mustInstall(t, server, emulate)
	want := []builder.Native{{Platform: "linux/arm64", Builder: "ci", Emulated: true}, {Platform: "linux/amd64", Builder: "ci"}, {Platform: "linux/arm/v7", Builder: "ci-arm"}}
	if got := document(t, server, "ci"); !slices.Equal(got, want) {
		t.Errorf("the document lists %+v", got)
	}
	if got := installed(server); !slices.Equal(got, objectsOf("ci", "ci-arm")) {
		t.Errorf("there are %v", got)
	}
	spec, err := install.StoredSpec(t.Context(), clientOf(t, server), "ci")
	if err != nil || !slices.Equal(spec.Emulate, []string{"linux/arm64"}) {
		t.Errorf("stored are %v (%v)", spec.Emulate, err)
	}
	server.Delete("nodes", "node-arm")
	mustInstall(t, server, emulate)
	if got := document(t, server, "ci"); !slices.Equal(got, want) {
		t.Errorf("without nodes of members, the document lists %+v", got)
	}
	server.Refuse(testcluster.Forbidding("nodes", http.MethodGet))
	var wrong *usage.Error
	if _, err := family.Install(t.Context(), clientOf(t, server), "ci", emulate, install.Options{}, nil); !errors.As(err, &wrong) || !strings.Contains(wrong.Next, "--emulate=linux/arm64") {
		t.Errorf("nodes that may not be listed: %v", err)
	}
}

func TestNodesThatAreMissingAreNamed(t *testing.T) {
	server := testcluster.New(t)
	nodes(server, "amd64")
	server.OnPod(server.Ready)
	var warnings []string
	_, err := family.Install(t.Context(), clientOf(t, server), "ci", platforms("linux/amd64", "linux/arm64"), install.Options{}, func(e install.Event) {
		if e.Kind == install.EventWarning {
			warnings = append(warnings, e.Message)
		}
	})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "kubernetes.io/arch=arm64") {
		t.Errorf("warned of %v (%v)", warnings, err)
	}
}
