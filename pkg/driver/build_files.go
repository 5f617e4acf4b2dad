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

// finish adds to a result where it was made, passes on what is noteworthy of it, and writes the files that were asked for.
// A build of which only the cache was refused has them too.
func (b *build) finish(ctx context.Context, made *result.Result, failed error) error {
	made.AddBuilder(b.connection.Member.Builder, b.connection.Member.Pod)
	if invalid := made.Check(); invalid != nil {
		return errors.Join(failed, invalid)
	}
	notices := made.Notices()
	if failed == nil {
		notices = append(notices, b.request.Leftovers()...)
	}
	for _, notice := range notices {
		b.driver.warn(notice)
	}
	files := b.request.Files()
	if files.Metadata != nil {
		if b.request.Evaluation() == nil {
			if err := b.addProvenance(ctx, made); err != nil {
				return errors.Join(failed, err)
			}
		}
		if err := made.WriteMetadata(ctx, files.Metadata); err != nil {
			return errors.Join(failed, err)
		}
	}
	if files.ImageID != nil {
		return errors.Join(failed, made.WriteImageID(ctx, files.ImageID))
	}
	return failed
}

// addProvenance asks the daemon's record for what docker writes into its metadata file: BUILDX_METADATA_PROVENANCE is
// "min" if it is not set, "max" for steps and times, or "disabled".
func (b *build) addProvenance(ctx context.Context, made *result.Result) error {
	mode, _ := b.options.Environment.LookupEnv("BUILDX_METADATA_PROVENANCE")
	if on, err := strconv.ParseBool(mode); mode == "disabled" || err == nil && !on {
		return nil
	}
	var provenance map[string]json.RawMessage
	err := b.connection.Daemon.Ask(ctx, func(asked *client.Client) (err error) {
		provenance, err = history.Provenance(ctx, asked, made.Ref(), mode == "max")
		return err
	})
	if err != nil {
		return b.driver.diagnose(ctx, b.connection.Member, err)
	}
	made.AddProvenance(provenance)
	return nil
}
