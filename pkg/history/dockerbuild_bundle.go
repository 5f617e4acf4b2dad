package history

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/containerd/containerd/v2/core/content"
	imagearchive "github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/platforms"
	controlapi "github.com/moby/buildkit/api/services/control"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/util/contentutil"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
)

// The names of a bundle's parts in docker buildx and Docker Desktop.
const (
	recordMediaType   = "application/vnd.buildkit.historyrecord.v0"
	originalMediaType = "vnd.export-build.descriptor.mediatype"
)

// Export writes a .dockerbuild bundle, as docker buildx history export does: an OCI
// layout as gzipped tar, whose manifest has the record as configuration, and its
// trace, status, results and attestations as layers. Tokens that a client put into
// the trace or the cache's options are removed.
func Export(ctx context.Context, c *client.Client, w io.Writer, record Record) error {
	bundle := &bundle{
		daemon:   blobsOf(c),
		manifest: ocispecs.Manifest{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispecs.MediaTypeImageManifest},
		seen:     map[string]bool{},
	}
	bundle.blobs = contentutil.NewMultiProvider(bundle.daemon)
	workers, err := c.ListWorkers(ctx)
	if err != nil {
		return err
	}
	platform := ""
	if len(workers) > 0 && len(workers[0].Platforms) > 0 {
		platform = platforms.FormatAll(platforms.Normalize(workers[0].Platforms[0]))
	}
	root, err := bundle.build(ctx, record.entry.CloneVT(), platform)
	if err != nil {
		return fmt.Errorf("exporting build %q: %w", record.Ref, err)
	}
	compressed := gzip.NewWriter(w)
	if err := imagearchive.Export(ctx, bundle.blobs, compressed, imagearchive.WithManifest(root), imagearchive.WithSkipDockerManifest()); err != nil {
		return fmt.Errorf("exporting build %q: %w", record.Ref, err)
	}
	return compressed.Close()
}

// bundle consists of the daemon's blobs and new ones.
type bundle struct {
	daemon   blobs
	blobs    *contentutil.MultiProvider
	manifest ocispecs.Manifest
	seen     map[string]bool
}

func (b *bundle) build(ctx context.Context, entry *controlapi.BuildHistoryRecord, platform string) (ocispecs.Descriptor, error) {
	if imports, found := entry.FrontendAttrs["cache-imports"]; found {
		entry.FrontendAttrs["cache-imports"] = withoutSecrets(imports)
	}
	if entry.Trace != nil {
		if err := b.addTrace(ctx, entry); err != nil {
			return ocispecs.Descriptor{}, err
		}
	}
	config, err := b.write(ctx, recordMediaType, struct {
		*controlapi.BuildHistoryRecord
		DefaultPlatform string
	}{entry, platform})
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	b.manifest.Config = config
	b.add(entry.Logs)
	b.add(entry.ExternalError)
	b.addResults(entry.Result)
	for _, platform := range slices.Sorted(maps.Keys(entry.Results)) {
		b.addResults(entry.Results[platform])
	}
	return b.write(ctx, b.manifest.MediaType, b.manifest)
}

func (b *bundle) add(blob *controlapi.Descriptor) {
	if blob != nil && !b.seen[blob.Digest] {
		b.seen[blob.Digest] = true
		b.manifest.Layers = append(b.manifest.Layers, descriptor(blob))
	}
}

func (b *bundle) addResults(results *controlapi.BuildResultInfo) {
	for _, attestation := range results.GetAttestations() {
		b.add(attestation)
	}
	made := results.GetResults()
	for _, index := range slices.Sorted(maps.Keys(made)) {
		b.addResult(made[index])
	}
}

// addResult adds the manifest of an image, but not its layers, which are in a
// registry.
func (b *bundle) addResult(blob *controlapi.Descriptor) {
	plain := blob.CloneVT()
	if plain.Annotations == nil {
		plain.Annotations = map[string]string{}
	}
	plain.Annotations[originalMediaType], plain.MediaType = plain.MediaType, "application/json"
	b.add(plain)
}

// addTrace adds the spans, each a JSON object, without tokens.
func (b *bundle) addTrace(ctx context.Context, entry *controlapi.BuildHistoryRecord) error {
	text, err := b.daemon.read(ctx, entry.Trace)
	if err != nil {
		return err
	}
	clean, err := b.put(ctx, entry.Trace.MediaType, []byte(withoutSecrets(string(text))))
	if err != nil {
		return err
	}
	entry.Trace.Digest, entry.Trace.Size = clean.Digest.String(), clean.Size
	b.add(entry.Trace)
	return nil
}

func (b *bundle) write(ctx context.Context, mediaType string, value any) (ocispecs.Descriptor, error) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return ocispecs.Descriptor{}, err
	}
	return b.put(ctx, mediaType, text)
}

func (b *bundle) put(ctx context.Context, mediaType string, text []byte) (ocispecs.Descriptor, error) {
	blob := ocispecs.Descriptor{MediaType: mediaType, Digest: digest.FromBytes(text), Size: int64(len(text))}
	buffer := contentutil.NewBuffer()
	if err := content.WriteBlob(ctx, buffer, blob.Digest.String(), bytes.NewReader(text), blob); err != nil {
		return blob, err
	}
	b.blobs.Add(blob.Digest, buffer)
	return blob, nil
}
