package request

import "github.com/kubectl-buildkit/kubectl-buildkit/pkg/awskeys"

// completeS3 provides the builder with this machine's AWS keys. Without any the
// builder uses its own, e.g. its Pod's role.
func completeS3(attrs map[string]string, env Environment) {
	if attrs["access_key_id"] != "" && attrs["secret_access_key"] != "" || env.AWSKeys == nil {
		return
	}
	found := env.AWSKeys()
	for key, value := range map[string]string{
		"access_key_id": found.ID, "secret_access_key": found.Secret, "session_token": found.SessionToken,
	} {
		if _, given := attrs[key]; !given && value != "" {
			attrs[key] = value
		}
	}
}

// AWSKeys returns the keys of this machine; the zero value is none.
type AWSKeys func() awskeys.Keys
