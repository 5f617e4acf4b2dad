package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The predicates of attestations, by in-toto's names.
const (
	spdxPredicate = "https://spdx.dev/Document"
	slsaPredicate = "https://slsa.dev/provenance/"
)

// scan stands in for an SBOM generator: by BuildKit's protocol for these it is told what to scan and where to write a
// statement about it. It notes the files of /etc and their sums.
const scan = `#!/bin/sh
set -e
scan() {
  name=$(basename "$1"); sep=
  {
    printf '{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document","predicate":{'
    printf '"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"%s",' "$name"
    printf '"documentNamespace":"https://example.com/%s","creationInfo":{"created":"2020-01-01T00:00:00Z","creators":["Tool: stand-in"]},"files":[' "$name"
    for file in $(cd "$1" && find etc -type f | sort); do
      sum=$(sha256sum "$1/$file"); sum=${sum%% *}
      printf '%s{"fileName":"/%s","SPDXID":"SPDXRef-%s","checksums":[{"algorithm":"SHA256","checksumValue":"%s"}]}' "$sep" "$file" "$sum" "$sum"
      sep=,
    done
    printf ']}}'
  } > "$BUILDKIT_SCAN_DESTINATION/$name.spdx.json"
}
scan "$BUILDKIT_SCAN_SOURCE"
for extra in "${BUILDKIT_SCAN_SOURCE_EXTRAS:-/none}"/*; do
  [ ! -d "$extra" ] || scan "$extra"
done
`

// compareAttestations has both clients attach statements to the same image, and looks for the same ones.
func (l *laboratory) compareAttestations(t *testing.T) {
	l = l.in(t)
	delete(l.u.env, "BUILDX_NO_DEFAULT_ATTESTATIONS")
	generator := dockerfile(t, "FROM BASE", "COPY --chmod=755 scan /scan", `ENTRYPOINT ["/scan"]`)
	write(t, filepath.Join(generator, "scan"), scan)
	scanner := l.reg.name(l.u) + "-scanner:1"
	l.u.buildkit("build", "--builder", l.peer.pod, "-t", scanner, "--push", "--provenance=false", generator).ok()
	context := dockerfile(t, "FROM --platform=$BUILDPLATFORM BASE AS tools", "ARG BUILDKIT_SBOM_SCAN_STAGE=true", "RUN echo tool > /etc/tool", "FROM BASE", "COPY --from=tools /etc/tool /etc/tool")

	for name, test := range map[string]struct {
		flags []string
		sboms int
		slsa  bool
	}{
		"sbom":              {[]string{"--sbom=generator=" + scanner}, 2, true},
		"attest":            {[]string{"--attest=type=sbom,generator=" + scanner}, 2, true},
		"both":              {[]string{"--attest=type=sbom,generator=" + scanner, "--attest=type=provenance,mode=max"}, 2, true},
		"without":           {[]string{"--sbom=false", "--provenance=false"}, 0, false},
		"two platforms":     {[]string{"--sbom=generator=" + scanner, "--platform=linux/amd64,linux/386"}, 4, true},
		"no longer by name": {[]string{"--attest=type=provenance,disabled=true", "--attest=type=sbom,generator=" + scanner}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := l.in(t)
			from := context
			if strings.HasPrefix(name, "two") {
				from = t.TempDir()
				write(t, filepath.Join(from, "Dockerfile"), strings.ReplaceAll(read(t, filepath.Join(context, "Dockerfile")), l.variables["BASE"], l.variables["MULTI"]))
			}
			tag := l.reg.name(l.u) + "-attested:1"
			flags := append([]string{"--no-cache", "--output=type=image,rewrite-timestamp=true,push=true,name=" + tag}, append(test.flags, from)...)
			l.peer.build(t, flags...)
			theirs := l.attestations(t, tag)
			l.u.buildkit(append([]string{"build", "--builder", l.peer.pod}, flags...)...).ok()
			ours := l.attestations(t, tag)
			if len(ours.sboms) != test.sboms || (len(ours.provenance) > 0) != test.slsa {
				t.Errorf("%d SBOMs and %d provenances", len(ours.sboms), len(ours.provenance))
			}
			if !slices.Equal(ours.sboms, theirs.sboms) {
				t.Errorf("the SBOMs are\n%s\ndocker buildx has\n%s", strings.Join(ours.sboms, "\n"), strings.Join(theirs.sboms, "\n"))
			}
			if got, want := len(ours.provenance), len(theirs.provenance); got != want {
				t.Fatalf("%d provenances, docker buildx makes %d", got, want)
			}
			for i := range ours.provenance {
				sameProvenance(t, ours.provenance[i], theirs.provenance[i])
			}
		})
	}
}

type attestations struct{ sboms, provenance []string }

// attestations are the statements in the registry about the image's manifests, in the order of the index.
func (l *laboratory) attestations(t *testing.T, tag string) attestations {
	t.Helper()
	type descriptor struct {
		Digest      string
		Annotations map[string]string
	}
	var index, manifest struct{ Manifests, Layers []descriptor }
	l.fetch(t, tag, "manifests", l.reg.digest(tag), &index)
	var found attestations
	for _, each := range index.Manifests {
		if each.Annotations["vnd.docker.reference.type"] != "attestation-manifest" {
			continue
		}
		l.fetch(t, tag, "manifests", each.Digest, &manifest)
		for _, layer := range manifest.Layers {
			var statement json.RawMessage
			l.fetch(t, tag, "blobs", layer.Digest, &statement)
			switch kind := layer.Annotations["in-toto.io/predicate-type"]; {
			case kind == spdxPredicate:
				found.sboms = append(found.sboms, string(statement))
			case strings.HasPrefix(kind, slsaPredicate):
				found.provenance = append(found.provenance, string(statement))
			default:
				t.Errorf("a statement of the kind %q", kind)
			}
		}
	}
	return found
}

func (l *laboratory) fetch(t *testing.T, tag, kind, digest string, into any) {
	t.Helper()
	path := strings.TrimPrefix(tag[:strings.LastIndex(tag, ":")], l.reg.host+"/")
	req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s://%s/v2/%s/%s/%s", l.reg.scheme, l.reg.host, path, kind, digest), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*")
	resp, err := l.reg.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %v", req.URL, resp.Status, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("GET %s: %v\n%s", req.URL, err, text)
	}
}

// sameProvenance compares two statements, but for the times and the name of the build, which are its own, and for how
// the client asked.
func sameProvenance(t *testing.T, ours, theirs string) {
	t.Helper()
	got, want := map[string]string{}, map[string]string{}
	flatten(t, "", ours, got)
	flatten(t, "", theirs, want)
	for _, name := range slices.Sorted(maps.Keys(merge(got, want))) {
		own := false
		for _, part := range []string{
			"invocationId", "startedOn", "finishedOn", "/buildkit_metadata/", "/buildkit_completeness/resolvedDependencies",
			"/externalParameters/request/root/", "/externalParameters/request/locals/", "/externalParameters/request/inputs/dockerfile/",
		} {
			own = own || strings.Contains(name, part)
		}
		if !own && got[name] != want[name] {
			t.Errorf("provenance %s is %q, docker buildx says %q", name, got[name], want[name])
		}
	}
}

// flatten makes of JSON a value for each path.
func flatten(t *testing.T, path, text string, into map[string]string) {
	t.Helper()
	var object map[string]json.RawMessage
	var list []json.RawMessage
	switch {
	case json.Unmarshal([]byte(text), &object) == nil && object != nil:
		for key, value := range object {
			flatten(t, path+"/"+key, string(value), into)
		}
	case json.Unmarshal([]byte(text), &list) == nil && list != nil:
		for i, value := range list {
			flatten(t, fmt.Sprintf("%s/%d", path, i), string(value), into)
		}
	default:
		into[path] = text
	}
}

func merge(a, b map[string]string) map[string]string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}
