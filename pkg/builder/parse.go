package builder

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"
)

// ParseResources reads resources as kubectl writes them, e.g. "cpu=500m,memory=1Gi". The field
// names the flag in errors, e.g. "request". Several texts are merged, the last one wins; naming a
// resource twice in one is an error.
func ParseResources(field string, texts ...string) (corev1.ResourceList, error) {
	all := corev1.ResourceList{}
	for _, text := range texts {
		list, err := parseResources(field, text)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, list)
	}
	return nilIfEmpty(all), nil
}

func parseResources(field, text string) (corev1.ResourceList, error) {
	list := corev1.ResourceList{}
	return list, eachPair(field, []string{text}, "write NAME=QUANTITY, e.g. cpu=500m,memory=1Gi", func(text, name, value string) error {
		if reasons := content.IsLabelKey(name); len(reasons) > 0 {
			return invalid(field, text, "the resource's name is wrong: "+reasons[0], "use cpu, memory, ephemeral-storage or a qualified name")
		}
		quantity, err := resource.ParseQuantity(value)
		if err != nil {
			return invalid(field, text, "the quantity of "+name+" cannot be read", "write e.g. 500m, 2, 512Mi or 10Gi")
		}
		if quantity.Sign() < 0 {
			return invalid(field, text, "the quantity of "+name+" is negative", "")
		}
		if _, twice := list[corev1.ResourceName(name)]; twice {
			return invalid(field, text, name+" is given twice", "")
		}
		list[corev1.ResourceName(name)] = quantity
		return nil
	})
}

// ParsePairs reads labels, annotations or a node selector, e.g. "disk=ssd,zone=a". The field names
// the flag in errors.
func ParsePairs(field string, texts ...string) (map[string]string, error) {
	pairs := map[string]string{}
	err := eachPair(field, texts, "write KEY=VALUE", func(text, key, value string) error {
		if _, twice := pairs[key]; twice {
			return invalid(field, text, key+" is given twice", "")
		}
		pairs[key] = value
		return nil
	})
	return nilIfEmpty(pairs), err
}

// ParseAnnotations reads one annotation a text, e.g. "team=build, test and release": commas belong
// to the value.
func ParseAnnotations(texts ...string) (map[string]string, error) {
	const field = "annotation"
	annotations := map[string]string{}
	for _, text := range texts {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return nil, invalid(field, text, "not KEY=VALUE", "write KEY=VALUE")
		}
		if _, twice := annotations[key]; twice {
			return nil, invalid(field, text, key+" is given twice", "")
		}
		annotations[key] = value
	}
	return nilIfEmpty(annotations), nil
}

// ParseTolerations reads tolerations written as kubectl writes taints: "key=value:NoSchedule",
// "key:NoExecute", "key", "key=value" (any effect), or ":NoSchedule" (any key).
func ParseTolerations(texts ...string) ([]corev1.Toleration, error) {
	var tolerations []corev1.Toleration
	for _, text := range splitAll(texts) {
		toleration, err := parseToleration(text)
		if err != nil {
			return nil, err
		}
		tolerations = append(tolerations, toleration)
	}
	return tolerations, nil
}

func parseToleration(text string) (corev1.Toleration, error) {
	const field = "toleration"
	const hint = "write KEY=VALUE:EFFECT, KEY:EFFECT, KEY or :EFFECT, with the effect NoSchedule, PreferNoSchedule or NoExecute"
	match, effect, hasEffect := strings.Cut(text, ":")
	key, value, hasValue := strings.Cut(match, "=")
	toleration := corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffect(effect)}
	if hasValue {
		toleration.Operator, toleration.Value = corev1.TolerationOpEqual, value
	}
	switch toleration.Effect {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	case "":
		if hasEffect || key == "" {
			return toleration, invalid(field, text, "the effect is missing", hint)
		}
	default:
		return toleration, invalid(field, text, "unknown effect "+effect, hint)
	}
	if key == "" {
		if hasValue {
			return toleration, invalid(field, text, "a value needs a key", hint)
		}
		return toleration, nil
	}
	if reasons := content.IsLabelKey(key); len(reasons) > 0 {
		return toleration, invalid(field, text, "the key is wrong: "+reasons[0], hint)
	}
	if reasons := content.IsLabelValue(value); len(reasons) > 0 {
		return toleration, invalid(field, text, "the value is wrong: "+reasons[0], hint)
	}
	return toleration, nil
}

// ParseEnv reads environment variables, one a text, e.g. "HTTPS_PROXY=http://proxy:3128": commas
// belong to the value.
func ParseEnv(texts ...string) ([]corev1.EnvVar, error) {
	const field = "environment variable"
	var env []corev1.EnvVar
	seen := map[string]bool{}
	for _, text := range texts {
		name, value, found := strings.Cut(text, "=")
		if !found {
			return nil, invalid(field, text, "no value", "write NAME=VALUE")
		}
		if reasons := validation.IsEnvVarName(name); len(reasons) > 0 {
			return nil, invalid(field, text, "the name is wrong: "+reasons[0], "")
		}
		if seen[name] {
			return nil, invalid(field, text, name+" is given twice", "")
		}
		seen[name] = true
		env = append(env, corev1.EnvVar{Name: name, Value: value})
	}
	return env, nil
}

// ParseMirrors reads mirrors per registry host, e.g. "docker.io=mirror.local:5000". Repeating a
// host adds a mirror, and they are asked in that order.
func ParseMirrors(texts ...string) (map[string][]string, error) {
	const field = "registry mirror"
	mirrors := map[string][]string{}
	err := eachPair(field, texts, "write HOST=MIRROR, e.g. docker.io=mirror.local:5000", func(text, host, mirror string) error {
		if reason := hostProblem(host); reason != "" {
			return invalid(field, text, "the registry "+reason, "write a host, e.g. docker.io or registry.local:5000")
		}
		if reason := mirrorProblem(mirror); reason != "" {
			return invalid(field, text, "the mirror "+reason,
				"write HOST[:PORT][/PATH] without a scheme; a mirror on plain HTTP is also listed as an insecure registry")
		}
		mirrors[host] = append(mirrors[host], mirror)
		return nil
	})
	return nilIfEmpty(mirrors), err
}

// ParseRegistries reads registry hosts, e.g. "registry.local:5000,other.local".
func ParseRegistries(field string, texts ...string) ([]string, error) {
	var hosts []string
	for _, host := range splitAll(texts) {
		if reason := hostProblem(host); reason != "" {
			return nil, invalid(field, host, "the registry "+reason, "write HOST or HOST:PORT, e.g. registry.local:5000")
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// eachPair calls visit for every comma-separated KEY=VALUE of the texts.
func eachPair(field string, texts []string, hint string, visit func(text, key, value string) error) error {
	for _, text := range splitAll(texts) {
		key, value, found := strings.Cut(text, "=")
		if !found || key == "" {
			return invalid(field, text, "not KEY=VALUE", hint)
		}
		if err := visit(text, key, value); err != nil {
			return err
		}
	}
	return nil
}

// splitAll splits texts at commas, and forgives a trailing or doubled comma and spaces around.
func splitAll(texts []string) []string {
	var parts []string
	for _, text := range texts {
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
	}
	return parts
}

func nilIfEmpty[M ~map[K]V, K comparable, V any](m M) M {
	if len(m) == 0 {
		return nil
	}
	return m
}
