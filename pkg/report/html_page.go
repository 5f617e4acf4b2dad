package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"io/fs"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
)

//go:embed assets
var assets embed.FS

// page is the input of the template.
type page struct {
	Build  Build
	Policy string
	Style  template.CSS
	Script template.JS
}

// WriteHTML writes the page. The names and logs of steps are untrusted: they are
// data in the page, which the page's script shows as text only, and the page's
// policy forbids all other scripts.
func WriteHTML(w io.Writer, build Build) error {
	style, err := joined("assets/*.css")
	if err != nil {
		return err
	}
	script, err := joined("assets/*.js")
	if err != nil {
		return err
	}
	parsed, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return fmt.Errorf("reading the page's template: %w", err)
	}
	filled := page{
		Build: build.clean(), Style: template.CSS(style), Script: template.JS(script),
		Policy: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", hashOf(style), hashOf(script)),
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, filled); err != nil {
		return fmt.Errorf("filling the page's template: %w", err)
	}
	_, err = text.WriteTo(w)
	return err
}

// joined returns the content of the files that match the pattern, in the order of
// their names.
func joined(pattern string) (string, error) {
	names, err := fs.Glob(assets, pattern)
	if err != nil {
		return "", err
	}
	var all bytes.Buffer
	for _, name := range names {
		text, err := assets.ReadFile(name)
		if err != nil {
			return "", err
		}
		all.Write(text)
	}
	return all.String(), nil
}

// hashOf returns the hash of an element's text for the Content-Security-Policy.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Save writes the page to the target.
func Save(ctx context.Context, target *safefile.Target, build Build) error {
	err := target.WriteFrom(ctx, func(w io.Writer) error { return WriteHTML(w, build) })
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
