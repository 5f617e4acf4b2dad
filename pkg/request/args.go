package request

import (
	"strconv"
	"strings"

	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const (
	argAttr        = "build-arg:"
	sourceDateArg  = "SOURCE_DATE_EPOCH"
	syntaxArg      = "BUILDKIT_SYNTAX"
	multiArg       = "BUILDKIT_MULTI_PLATFORM"
	inlineCacheArg = "BUILDKIT_INLINE_CACHE"
	buildInfoArg   = "BUILDKIT_INLINE_BUILDINFO_ATTRS"
)

// applyArgs sends the build arguments. An argument without a value takes the
// environment's, and is left out if there is none. SOURCE_DATE_EPOCH of the
// environment and the proxies of the docker config are arguments too, unless
// the user gives them; buildctl's way has no proxies.
func applyArgs(r *Request, values []string, env Environment) error {
	args := map[string]string{}
	for _, value := range values {
		key, text, given, err := cutPair("--build-arg", value)
		if err != nil {
			return err
		}
		if !given {
			if text, given = env.LookupEnv(key); !given {
				continue
			}
		}
		args[key] = text
	}
	if _, given := args[sourceDateArg]; !given {
		if value, _ := env.LookupEnv(sourceDateArg); value != "" {
			args[sourceDateArg] = value
		}
	}
	for key, value := range env.Proxies {
		if !r.plain && !hasFold(args, key) {
			args[key] = value
		}
	}
	for key, value := range args {
		r.attrs[argAttr+key] = value
	}
	return applySpecialArgs(r, args)
}

// applySpecialArgs obeys the arguments that docker's client reads itself.
func applySpecialArgs(r *Request, args map[string]string) error {
	if command, given := args[syntaxArg]; given {
		source, _, _ := strings.Cut(strings.TrimSpace(command), " ")
		if source == "" {
			return &usage.Error{
				What: "--build-arg", Value: syntaxArg + "=" + command, Reason: "it names no frontend image",
				Next: "use " + syntaxArg + "=docker/dockerfile:1, or leave it out",
			}
		}
		r.frontend = "gateway.v0"
		r.attrs["source"] = source
		r.attrs["cmdline"] = command
	}
	if yes, _ := strconv.ParseBool(args[multiArg]); yes {
		r.attrs["multi-platform"] = "true"
	}
	if yes, _ := strconv.ParseBool(args[inlineCacheArg]); yes {
		r.cacheExports = append(r.cacheExports, client.CacheOptionsEntry{Type: "inline", Attrs: map[string]string{}})
	}
	if value, given := args[buildInfoArg]; given {
		r.outputAttrs = map[string]string{"buildinfo-attrs": value}
	}
	return nil
}

// hasFold ignores case: HTTP_PROXY and http_proxy are the same to most programs.
func hasFold(args map[string]string, key string) bool {
	for given := range args {
		if strings.EqualFold(given, key) {
			return true
		}
	}
	return false
}
