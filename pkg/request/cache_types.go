package request

import (
	"maps"
	"strconv"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/awskeys"
)

// The types of external caches, as the user types them.
const (
	cacheRegistry = "registry"
	cacheLocal    = "local"
	cacheInline   = "inline"
	cacheGitHub   = "gha"
	cacheS3       = "s3"
	cacheAzure    = "azblob"
)

func cacheTypes() []string {
	return []string{cacheRegistry, cacheLocal, cacheInline, cacheGitHub, cacheS3, cacheAzure}
}

// cacheAttributes returns the attributes of a cache of the type, besides type=; nil
// for an unknown type, and for inline as a source.
func cacheAttributes(kind string, export bool) map[string]values {
	var known map[string]values
	switch kind {
	case cacheRegistry:
		known = map[string]values{"ref": anyText, "registry.insecure": boolean}
	case cacheLocal:
		known = map[string]values{"src": anyText, "dest": anyText, "digest": anyText, "tag": anyText}
		if export {
			known["reset"] = boolean
		}
	case cacheInline:
		if !export {
			return nil
		}
		known = map[string]values{}
	case cacheGitHub:
		known = map[string]values{
			"scope": anyText, "timeout": anyText, "token": anyText, "url": anyText, "url_v2": anyText,
			"repository": anyText, "ghtoken": anyText, "version": anyText,
		}
	case cacheS3:
		known = map[string]values{
			"bucket": anyText, "region": anyText, "prefix": anyText, "manifests_prefix": anyText, "blobs_prefix": anyText,
			"name": anyText, "touch_refresh": anyText, "endpoint_url": anyText, "access_key_id": anyText,
			"secret_access_key": anyText, "session_token": anyText, "use_path_style": boolean, "upload_parallelism": number,
			"disable_accept_encoding": boolean, "retry_mode": anyText, "retry_max_attempts": number,
		}
	case cacheAzure:
		known = map[string]values{
			"account_name": anyText, "account_url": anyText, "secret_access_key": anyText, "container": anyText,
			"prefix": anyText, "manifests_prefix": anyText, "blobs_prefix": anyText, "name": anyText,
		}
	default:
		return nil
	}
	if export {
		maps.Copy(known, cacheExportAttributes(kind))
	}
	return known
}

func cacheExportAttributes(kind string) map[string]values {
	known := map[string]values{"mode": cacheModes, "ignore-error": boolean}
	switch kind {
	case cacheRegistry, cacheLocal:
		maps.Copy(known, map[string]values{
			"image-manifest": boolean, "oci-mediatypes": boolean, "compression": compressions,
			"compression-level": number, "force-compression": boolean,
		})
	}
	return known
}

// completeGitHub adds the values in the environment of a GitHub Actions job. The
// reason is which one is missing.
func completeGitHub(attrs map[string]string, env Environment) (reason string) {
	version := attrs["version"]
	if version == "" {
		text, _ := env.LookupEnv("ACTIONS_CACHE_SERVICE_V2")
		if second, _ := strconv.ParseBool(text); second {
			version = "2"
		}
	}
	setDefault(attrs, "token", env, "ACTIONS_RUNTIME_TOKEN")
	if version == "2" {
		setDefault(attrs, "url_v2", env, "ACTIONS_RESULTS_URL")
	}
	setDefault(attrs, "url", env, "ACTIONS_CACHE_URL", "ACTIONS_RESULTS_URL")
	switch {
	case attrs["token"] == "":
		return "outside of GitHub Actions token= is missing: $ACTIONS_RUNTIME_TOKEN is not set"
	case attrs["url"] == "" && attrs["url_v2"] == "":
		return "outside of GitHub Actions url= is missing: $ACTIONS_CACHE_URL and $ACTIONS_RESULTS_URL are not set"
	}
	return ""
}

// setDefault sets the key to the first variable that is set, unless it has a value.
func setDefault(attrs map[string]string, key string, env Environment, names ...string) {
	if _, given := attrs[key]; given {
		return
	}
	for _, name := range names {
		if value, found := env.LookupEnv(name); found {
			attrs[key] = value
			return
		}
	}
}

// completeS3 passes this machine's AWS keys to the builder. Without any, the builder
// uses its own, e.g. its Pod's role.
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

// AWSKeys returns the keys of this machine; the zero value if there are none.
type AWSKeys func() awskeys.Keys
