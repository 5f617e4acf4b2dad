package manifest

import (
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
)

// Unstored sets what the ConfigMap of a version that did not store the Spec says of it: the
// registries, which are the tables at the end of the daemon's configuration that install wrote, the
// user's own configuration before them, and the CA.
func Unstored(spec *builder.Spec, config *corev1.ConfigMap) {
	if HasRegistryCA(config) {
		spec.RegistryCA = []byte(config.Data[keyRegistryCA])
	}
	own, text := regexp.MustCompile(`\[registry\.("[^"\n]*")\]\n(?:  mirrors = \[([^\n]*)\]\n)?(  http = true\n  insecure = true\n)?$`), strings.TrimSuffix(config.Data[keyConfig], builder.DefaultConfig)
	for {
		at := own.FindStringSubmatchIndex(text)
		if at == nil || at[0] > 0 && text[at[0]-1] != '\n' {
			break
		}
		group := func(n int) string {
			if at[2*n] < 0 {
				return ""
			}
			return text[at[2*n]:at[2*n+1]]
		}
		host, err := strconv.Unquote(group(1))
		if err != nil {
			break
		}
		if mirrors := mirrorsOf(group(2)); len(mirrors) > 0 {
			if spec.Mirrors == nil {
				spec.Mirrors = map[string][]string{}
			}
			spec.Mirrors[host] = mirrors
		}
		if group(3) != "" {
			spec.InsecureRegistries = append([]string{host}, spec.InsecureRegistries...)
		}
		text = text[:at[0]]
	}
	if text != "" {
		spec.Config = []byte(text)
	}
}

func mirrorsOf(list string) []string {
	var mirrors []string
	for quoted := range strings.SplitSeq(list, ", ") {
		if mirror, err := strconv.Unquote(quoted); err == nil {
			mirrors = append(mirrors, mirror)
		}
	}
	return mirrors
}
