package request

import (
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Steps has the flags of the Dockerfile's steps: --build-arg, --target and --platform.
type Steps struct {
	BuildArgs []string // --build-arg
	Target    string   // --target
	Platforms []string // --platform
}

func (o Steps) apply(r *Request, env Environment) error {
	if o.Target != "" {
		r.attrs["target"] = o.Target
	}
	if err := applyPlatforms(r, o.Platforms, env); err != nil {
		return err
	}
	return applyArgs(r, o.BuildArgs, env)
}

// sendAnew makes a build without cache a build without what the daemon keeps of directories, too.
// It comes after the options of a frontend, which may say the same.
func (o Steps) sendAnew(r *Request, _ Environment) error {
	if stages, given := r.attrs["no-cache"]; given && stages == "" {
		r.context.SendAnew()
	}
	return nil
}

const (
	argAttr        = "build-arg:"
	sourceDateArg  = "SOURCE_DATE_EPOCH"
	syntaxArg      = "BUILDKIT_SYNTAX"
	multiArg       = "BUILDKIT_MULTI_PLATFORM"
	inlineCacheArg = "BUILDKIT_INLINE_CACHE"
	buildInfoArg   = "BUILDKIT_INLINE_BUILDINFO_ATTRS"
)

// applyArgs sets the build arguments. An argument without a value has that of the
// environment, and is omitted if the variable is not set. SOURCE_DATE_EPOCH of the
// environment and the proxies of the docker config are arguments too, unless the user
// sets them; buildctl's form has no proxies.
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

// applySpecialArgs applies the arguments that docker's client interprets.
func applySpecialArgs(r *Request, args map[string]string) error {
	if command, given := args[syntaxArg]; given {
		source, _, _ := strings.Cut(strings.TrimSpace(command), " ")
		if source == "" {
			return &usage.Error{
				What: "--build-arg", Value: syntaxArg + "=" + command, Reason: "the image of the frontend is missing",
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

const defaultPlatformEnv = "DOCKER_DEFAULT_PLATFORM"

// applyPlatforms sets the platforms of the flag, or else the environment's default. A
// value may be a list; duplicates are removed.
func applyPlatforms(r *Request, values []string, env Environment) error {
	flag := "--platform"
	if len(values) == 0 {
		value, _ := env.LookupEnv(defaultPlatformEnv)
		if value == "" || r.plain {
			return nil
		}
		flag, values = defaultPlatformEnv, []string{value}
	}
	names := make([]string, 0, len(values))
	seen := map[string]bool{}
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			normalized, err := parsePlatform(flag, value, name)
			if err != nil {
				return err
			}
			if !seen[normalized] {
				seen[normalized] = true
				names = append(names, normalized)
			}
		}
	}
	r.platforms = len(names)
	r.attrs["platform"] = strings.Join(names, ",")
	return nil
}

func parsePlatform(flag, value, name string) (string, error) {
	name = strings.TrimSpace(name)
	parsed := platforms.DefaultSpec()
	if !strings.EqualFold(name, "local") {
		var err error
		if parsed, err = platforms.Parse(name); err != nil {
			return "", noPlatform(flag, value, name)
		}
	}
	formatted := platforms.FormatAll(platforms.Normalize(parsed))
	// A part of dots would be cleaned as a path: os/.. would be empty.
	if _, err := platforms.Parse(formatted); err != nil {
		return "", noPlatform(flag, value, name)
	}
	return formatted, nil
}

func noPlatform(flag, value, name string) error {
	return &usage.Error{
		What: flag, Value: value, Reason: "cannot parse the platform \"" + name + "\"",
		Next: "use os/arch[/variant], e.g. linux/amd64,linux/arm64",
	}
}

// Legacy has flags of docker's builder before BuildKit, which scripts still use.
type Legacy struct {
	KeepContainers  bool     // --rm=false
	Squash          bool     // --squash
	Isolation       string   // --isolation
	SecurityOptions []string // --security-opt
	MoreResources   []string // --memory and the others, as --resource has them
}

// apply returns an error for flags that are not supported. --rm and --force-rm are
// always in effect.
func (o Legacy) apply(r *Request, _ Environment) error {
	switch {
	case o.KeepContainers:
		return &usage.Error{What: "--rm", Value: "false", Reason: "BuildKit has no intermediate containers that could be kept", Next: "leave it out"}
	case o.Squash:
		return &usage.Error{What: "--squash", Reason: "BuildKit does not squash layers", Next: "copy the files into a last stage: COPY --from=build / /"}
	case o.Isolation != "" && o.Isolation != "default":
		return &usage.Error{What: "--isolation", Value: o.Isolation, Reason: "BuildKit has one kind of isolation only", Next: "leave it out"}
	case len(o.SecurityOptions) > 0:
		return &usage.Error{
			What: "--security-opt", Value: o.SecurityOptions[0], Reason: "BuildKit does not support it",
			Next: "use RUN --security=insecure with --allow security.insecure",
		}
	}
	return applyResources(r, o.MoreResources)
}
