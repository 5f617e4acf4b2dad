package request

import (
	"strings"

	"github.com/containerd/platforms"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

const defaultPlatformEnv = "DOCKER_DEFAULT_PLATFORM"

// applyPlatforms takes the flag, or else the environment's default. A value may
// be a list; a platform that is named twice is built once.
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
	// A part of dots is taken for a path, and vanishes: os/.. would be nothing.
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
