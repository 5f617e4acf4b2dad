package driver

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
)

// finish adds to a result where it was made, passes on what is noteworthy of it, and writes the
// files that were asked for. A build of which only the cache was refused has them too.
func (b *build) finish(ctx context.Context, built *result.Result, failed error) error {
	built.AddBuilder(b.connection.Member.Builder, b.connection.Member.Pod)
	if invalid := built.Check(); invalid != nil {
		return errors.Join(failed, invalid)
	}
	notices := built.Notices()
	if failed == nil {
		notices = append(notices, b.request.Leftovers()...)
	}
	for _, notice := range notices {
		b.driver.warn(notice)
	}
	files := b.request.Files()
	if files.Metadata != nil {
		if b.request.Evaluation() == nil {
			if err := b.addProvenance(ctx, built); err != nil {
				return errors.Join(failed, err)
			}
		}
		if err := built.WriteMetadata(ctx, files.Metadata); err != nil {
			return errors.Join(failed, err)
		}
	}
	if files.ImageID != nil {
		return errors.Join(failed, built.WriteImageID(ctx, files.ImageID))
	}
	return failed
}

// addProvenance asks the daemon's record for what docker writes into its metadata file:
// BUILDX_METADATA_PROVENANCE is "min" if it is not set, "max" for steps and times, or "disabled".
func (b *build) addProvenance(ctx context.Context, built *result.Result) error {
	mode, _ := b.options.Environment.LookupEnv("BUILDX_METADATA_PROVENANCE")
	if on, err := strconv.ParseBool(mode); mode == "disabled" || err == nil && !on {
		return nil
	}
	var provenance map[string]json.RawMessage
	err := b.connection.Daemon.Call(ctx, func(asked *client.Client) (err error) {
		provenance, err = history.Provenance(ctx, asked, built.Ref(), mode == "max")
		return err
	})
	if err != nil {
		return b.driver.diagnose(ctx, b.connection.Member, err)
	}
	built.AddProvenance(provenance)
	return nil
}
