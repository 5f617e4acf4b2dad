//go:build unix

package cmd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/registryauth"
)

// Without a home directory, or with a relative one, the docker config is not ./.docker of the
// checkout that is built: that could name programs to run. A helper's name is not a path in any
// config.
func TestNoHome(t *testing.T) {
	for home, dockerConfig := range map[string]string{"": "", ".": "", "./": "", "sub/..": "", "named": "mine"} {
		repo := t.TempDir()
		for _, dir := range []string{".docker", "mine", "docker-credential-x"} {
			if err := os.Mkdir(filepath.Join(repo, dir), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range map[string]string{
			".docker/config.json": `{"credsStore":"x/evil","auths":{"registry.invalid":{"auth":"dTpw"}}}`, "mine/config.json": `{"credsStore":"x/evil"}`,
			"docker-credential-x/evil": "#!/bin/sh\ntouch " + repo + "/ran\n",
		} {
			if err := os.WriteFile(filepath.Join(repo, name), []byte(text), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		t.Chdir(repo)
		t.Setenv("HOME", home)
		t.Setenv("DOCKER_CONFIG", dockerConfig)
		f := newFactory(genericiooptions.NewTestIOStreamsDiscard(), os.LookupEnv)
		if dir := f.credentialOptions().Directory; dockerConfig == "" && strings.HasPrefix(dir, repo) || dir != "" && !filepath.IsAbs(dir) {
			t.Errorf("HOME=%q: the docker config is in %q", home, dir)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, _ = f.credentials().Provider(registryauth.Build{}).Preflight(ctx, []string{"registry.invalid/a:1"})
		cancel()
		if _, err := os.Stat(filepath.Join(repo, "ran")); err == nil {
			t.Errorf("HOME=%q DOCKER_CONFIG=%q: a program of the checkout ran", home, dockerConfig)
		}
		if entries, err := os.ReadDir(filepath.Join(repo, ".docker")); err != nil || len(entries) != 1 {
			t.Errorf("HOME=%q: written into the checkout: %v, %v", home, entries, err)
		}
	}
}
