package request

import (
	"strings"

	"github.com/containerd/platforms"
)

const defaultPlatformEnv = "DOCKER_DEFAULT_PLATFORM"

// applyPlatforms takes the flag, or else the environment's default. A value may
// be a list; a platform that is named twice is built once.
func applyPlatforms(r *Request, values []string, env Environment) error {
	flag := "--platform"
	if len(values) == 0 {
		value, _ := env.LookupEnv(defaultPlatformEnv)
		if value == "" {
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
	if strings.EqualFold(name, "local") {
		return platforms.FormatAll(platforms.Normalize(platforms.DefaultSpec())), nil
	}
	parsed, err := platforms.Parse(name)
	if err != nil {
		return "", &UsageError{
			Flag: flag, Value: value, Reason: "cannot parse the platform \"" + name + "\"",
			Next: "use os/arch[/variant], e.g. linux/amd64,linux/arm64",
		}
	}
	return platforms.FormatAll(platforms.Normalize(parsed)), nil
}
