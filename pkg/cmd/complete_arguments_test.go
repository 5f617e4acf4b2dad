package cmd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
)

// completions runs what the completion program runs, and returns the words without descriptions,
// and the directive.
func completions(t *testing.T, args ...string) ([]string, cobra.ShellCompDirective) {
	t.Helper()
	stdout, _, code := call(t, append([]string{"__complete"}, args...)...)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	var directive cobra.ShellCompDirective
	if _, err := fmt.Sscanf(lines[len(lines)-1], ":%d", &directive); err != nil || code != explain.CodeOK {
		t.Fatalf("exit %d, %v: %q", code, err, stdout)
	}
	var words []string
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words, directive
}

// fakeAPI answers lists by resource, in JSON; what is empty is not found, and what it does not know
// is forbidden.
func fakeAPI(t *testing.T, lists map[string]string) (kubeconfig string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		resource := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if selector := r.URL.Query().Get("fieldSelector"); selector != "" {
			resource += "?" + selector
		}
		list, known := lists[resource]
		if !known {
			w.WriteHeader(http.StatusForbidden)
			list = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403}`
		}
		if known && list == "" {
			w.WriteHeader(http.StatusNotFound)
			list = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
		}
		fmt.Fprint(w, list)
	}))
	t.Cleanup(server.Close)
	kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	config := map[string]any{
		"current-context": "here",
		"contexts": []any{
			map[string]any{"name": "here", "context": map[string]any{"cluster": "one", "user": "me", "namespace": "team"}},
			map[string]any{"name": "there", "context": map[string]any{"cluster": "one", "user": "me"}},
		},
		"clusters": []any{map[string]any{"name": "one", "cluster": map[string]any{"server": server.URL}}},
		"users":    []any{map[string]any{"name": "me", "user": map[string]any{}}},
	}
	raw, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kubeconfig, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return kubeconfig
}

func named(kind string, names ...string) string {
	var items []string
	for _, name := range names {
		items = append(items, fmt.Sprintf(`{"metadata":{"name":%q,"labels":{"disk":%q}}}`, name, name))
	}
	return fmt.Sprintf(`{"kind":%q,"apiVersion":"v1","metadata":{},"items":[%s]}`, kind, strings.Join(items, ","))
}

func TestCompletionAsksTheCluster(t *testing.T) {
	pods := `{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[
		{"metadata":{"name":"foreign","namespace":"team"},"spec":{"containers":[{"name":"buildkitd","image":"moby/buildkit:master"}]}}]}`
	t.Setenv("KUBECONFIG", fakeAPI(t, map[string]string{
		"pods": pods, "statefulsets": `{"kind":"StatefulSetList","apiVersion":"apps/v1","metadata":{},"items":[]}`,
		"configmaps": `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}`,
		"namespaces": named("PartialObjectMetadataList", "team", "test", "other"), "serviceaccounts": named("PartialObjectMetadataList", "default", "ci"),
		"nodes": named("PartialObjectMetadataList", "ssd", "hdd"), "secrets": named("PartialObjectMetadataList", "npm", "pull"),
		"secrets?type=kubernetes.io/dockerconfigjson": named("PartialObjectMetadataList", "pull"),
		"npm": `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"npm"},"data":{"token":"eA==","user":"eA=="}}`,
	}))
	for _, c := range []struct {
		args []string
		want []string
		more bool // the word goes on: no space follows
	}{
		{[]string{"info", ""}, []string{"foreign"}, false},
		{[]string{"info", "foreign", ""}, nil, false},
		{[]string{"build", "--builder", "fo"}, []string{"foreign"}, false},
		{[]string{"build", "--namespace", "te"}, []string{"team", "test"}, false},
		{[]string{"build", "-n", "o"}, []string{"other"}, false},
		{[]string{"info", "--context", ""}, []string{"here", "there"}, false},
		{[]string{"info", "--cluster", ""}, []string{"one"}, false},
		{[]string{"info", "--user", ""}, []string{"me"}, false},
		{[]string{"info", "--as", "system:"}, []string{"system:serviceaccount:team:default", "system:serviceaccount:team:ci"}, false},
		{[]string{"build", "--registry-secret", ""}, []string{"pull"}, false},
		{[]string{"build", "--registry-service-account", ""}, []string{"default", "ci"}, false},
		{[]string{"install", "--node-selector", "disk="}, []string{"disk=hdd", "disk=ssd"}, false},
		{[]string{"build", "--secret", ""}, []string{"id="}, true},
		{[]string{"build", "--secret", "id=npm,"}, []string{"id=npm,src=", "id=npm,env=", "id=npm,k8s="}, true},
		{[]string{"build", "--secret", "id=npm,k8s="}, []string{"id=npm,k8s=npm/", "id=npm,k8s=pull/"}, true},
		{[]string{"build", "--secret", "id=npm,k8s=npm/t"}, []string{"id=npm,k8s=npm/token"}, false},
		{[]string{"build", "--platform", "linux/amd64,linux/arm/"}, []string{"linux/amd64,linux/arm/v7"}, false},
		{[]string{"build", "--tag", ""}, nil, false},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			words, directive := completions(t, c.args...)
			if !slices.Equal(words, c.want) {
				t.Errorf("offers %q, want %q", words, c.want)
			}
			if directive&cobra.ShellCompDirectiveNoFileComp == 0 || (directive&cobra.ShellCompDirectiveNoSpace != 0) != c.more {
				t.Errorf("directive %d", directive)
			}
		})
	}
}

func TestCompletionWithoutACluster(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "absent"))
	for _, c := range []struct {
		args      []string
		want      []string
		directive cobra.ShellCompDirective
	}{
		{[]string{"info", ""}, nil, cobra.ShellCompDirectiveNoFileComp},
		{[]string{"buil"}, []string{"build"}, cobra.ShellCompDirectiveNoFileComp},
		{[]string{"build", "--progress", "p"}, []string{"plain"}, cobra.ShellCompDirectiveNoFileComp},
		{[]string{"build", "--progress=q"}, []string{"quiet"}, cobra.ShellCompDirectiveNoFileComp},
		{[]string{"info", "--transport", "s"}, []string{"spdy"}, cobra.ShellCompDirectiveNoFileComp},
		{[]string{"install", "--output", ""}, []string{"yaml"}, cobra.ShellCompDirectiveNoFileComp},
		{[]string{"build", "--output", "type=o"}, []string{"type=oci,dest="}, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace},
		{[]string{"build", "--platform", "linux/am"}, []string{"linux/amd64"}, cobra.ShellCompDirectiveNoFileComp},
		{[]string{"build", "--file", ""}, nil, cobra.ShellCompDirectiveDefault},
		{[]string{"build", ""}, nil, cobra.ShellCompDirectiveFilterDirs},
		{[]string{"login", ""}, nil, cobra.ShellCompDirectiveNoFileComp},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			words, directive := completions(t, c.args...)
			if !slices.Equal(words, c.want) || directive != c.directive {
				t.Errorf("offers %q with directive %d, want %q with %d", words, directive, c.want, c.directive)
			}
		})
	}
}

func TestCompletionProgram(t *testing.T) {
	stdout, _, code := call(t, "completion")
	if code != explain.CodeOK || stdout != completionProgram("linux") || !strings.HasPrefix(stdout, "#!/bin/sh\n") {
		t.Errorf("exit %d, %q", code, stdout)
	}
	if windows := completionProgram("windows"); !strings.Contains(windows, "kubectl buildkit __complete %*") {
		t.Errorf("for Windows: %q", windows)
	}
}
