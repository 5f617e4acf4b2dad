package request

import "strconv"

const noAttestationsEnv = "BUILDX_NO_DEFAULT_ATTESTATIONS"

// applyProvenance asks for what docker attaches by default, so that the same
// build has the same digest.
func applyProvenance(r *Request, env Environment) error {
	value, given := env.LookupEnv(noAttestationsEnv)
	if given {
		off, err := strconv.ParseBool(value)
		if err != nil {
			return &UsageError{
				Flag: noAttestationsEnv, Value: value, Reason: "it is not a boolean", Next: "use true or false",
			}
		}
		if off {
			return nil
		}
	}
	r.attrs["attest:provenance"] = "mode=min,inline-only=true"
	return nil
}
