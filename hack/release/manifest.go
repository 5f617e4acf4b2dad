package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
)

// checksums are the SHA-256 of files by their names, in lower-case hexadecimal.
type checksums map[string]string

func (s checksums) add(dir, name string) error {
	file, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return fmt.Errorf("hashing %q: %w", name, err)
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return fmt.Errorf("hashing %q: %w", name, err)
	}
	s[name] = hex.EncodeToString(hash.Sum(nil))
	return nil
}

// String is what `sha256sum --check` reads.
func (s checksums) String() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&text, "%s  %s\n", s[name], name)
	}
	return text.String()
}

// writeManifest renders .krew.yaml to plugins/buildkit.yaml below the directory.
func writeManifest(src source, sums checksums, out string) error {
	text, err := os.ReadFile(filepath.Join(src.dir, ".krew.yaml"))
	if err != nil {
		return fmt.Errorf("reading the manifest's template: %w", err)
	}
	manifest, err := renderManifest(string(text), src.version, sums)
	if err != nil {
		return err
	}
	plugins := filepath.Join(out, "plugins")
	if err := os.Mkdir(plugins, 0o755); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return os.WriteFile(filepath.Join(plugins, "buildkit.yaml"), manifest, 0o644)
}

// renderManifest gives the template what krew-release-bot gives it (its pkg/source/template.go): .TagName, and addURIAndSha,
// which the bot answers from the published archives and this from the checksums of those just built.
func renderManifest(text, version string, sums checksums) ([]byte, error) {
	values := map[string]string{"TagName": version}
	address := func(url, tag string) (string, error) {
		inner, err := template.New("url").Option("missingkey=error").Parse(url)
		if err != nil {
			return "", err
		}
		var uri strings.Builder
		if err := inner.Execute(&uri, map[string]string{"TagName": tag}); err != nil {
			return "", err
		}
		sum, known := sums[path.Base(uri.String())]
		if !known {
			return "", fmt.Errorf("no archive %q was built: there are %q", path.Base(uri.String()), slices.Sorted(maps.Keys(sums)))
		}
		return fmt.Sprintf("uri: %s\n    sha256: %s", uri.String(), sum), nil
	}
	outer, err := template.New(".krew.yaml").Option("missingkey=error").Funcs(template.FuncMap{"addURIAndSha": address}).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest's template: %w", err)
	}
	var manifest bytes.Buffer
	if err := outer.Execute(&manifest, values); err != nil {
		return nil, fmt.Errorf("rendering the manifest: %w", err)
	}
	return manifest.Bytes(), nil
}
