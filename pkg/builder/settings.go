package builder

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Names of settings, which are those of install's flags.
const (
	SettingConfig     = "config"
	SettingRegistryCA = "registry-ca"
	SettingStorage    = "storage"
	SettingPatch      = "patch"

	settingBudget = "pod-disruption-budget"
)

// Setting is one setting of a Spec, as its user would write it.
type Setting struct {
	// Name is that of install's flag, e.g. "insecure-registry".
	Name string
	// Values are what would be given to that flag, one after the other, e.g. "memory=2Gi". What is
	// read from a file is described, e.g. "12 lines (sha256:1f2e3d4c5b6a)".
	Values []string
	// File is the name of a file for what the flag reads from one, e.g. "team-config.toml", and
	// Content what is in it; both are empty for other flags.
	File    string
	Content string
}

// setting is how one field of a Spec is read and changed.
type setting struct {
	name   string
	values func(s Spec) []string
	// add sets what given says, or adds it where there can be several.
	add func(s *Spec, given Spec)
	// remove takes one value back, and the whole setting where the value is empty.
	remove func(s *Spec, value string)
	// file ends the name of a file for a setting that is read from one, whose text content is; nil
	// for others.
	file    string
	content func(*Spec) *[]byte
}

func settings() []setting {
	return slices.Concat(daemonSettings(), platformSettings(), registrySettings(), podSettings(), placementSettings(), objectSettings(), volumeSettings())
}

// SettingNames are the names of all settings, in the order in which they are shown.
func SettingNames() []string {
	var names []string
	for _, each := range settings() {
		names = append(names, each.name)
	}
	return names
}

// Settings are those that differ from the defaults, always in the same order.
func (s Spec) Settings() []Setting {
	var list []Setting
	for _, each := range settings() {
		values := each.values(s)
		if len(values) == 0 {
			continue
		}
		shown := Setting{Name: each.name, Values: values}
		if each.content != nil {
			shown.File, shown.Content = s.Name+each.file, string(*each.content(&s))
		}
		list = append(list, shown)
	}
	return list
}

// With returns the Spec with those settings of given that are named. Where there can be several
// values of a setting, given's are added; a value of the same key is replaced.
func (s Spec) With(given Spec, names ...string) Spec {
	changed := s.clone()
	for _, each := range settings() {
		if slices.Contains(names, each.name) {
			each.add(&changed, given)
		}
	}
	// What is the default anyway is not asked for.
	if changed.Replicas == 1 {
		changed.Replicas = 0
	}
	if changed.Mode == ModePrivileged {
		changed.Mode = ""
	}
	if changed.StepNetwork == StepNetworkHost {
		changed.StepNetwork = ""
	}
	if changed.GracePeriod == DefaultGracePeriod {
		changed.GracePeriod = 0
	}
	return changed
}

// Without returns the Spec without one value of a setting, e.g. "registry.local:5000" of
// "insecure-registry", or "memory" of "limit"; an empty value takes the whole setting back. What is
// not there needs no removal.
func (s Spec) Without(name, value string) Spec {
	changed := s.clone()
	for _, each := range settings() {
		if each.name == name {
			each.remove(&changed, value)
		}
	}
	return changed
}

// clone copies what With and Without change in place.
func (s Spec) clone() Spec {
	s.Mirrors, s.Requests, s.Limits = maps.Clone(s.Mirrors), s.Requests.DeepCopy(), s.Limits.DeepCopy()
	s.NodeSelector, s.Labels, s.Annotations = maps.Clone(s.NodeSelector), maps.Clone(s.Labels), maps.Clone(s.Annotations)
	s.InsecureRegistries, s.ImagePullSecrets = slices.Clone(s.InsecureRegistries), slices.Clone(s.ImagePullSecrets)
	s.Platforms, s.Emulate = slices.Clone(s.Platforms), slices.Clone(s.Emulate)
	s.Tolerations, s.Env, s.TopologySpread = slices.Clone(s.Tolerations), slices.Clone(s.Env), slices.Clone(s.TopologySpread)
	return s
}

// one is a setting of a single value.
func one[T comparable](name string, field func(*Spec) *T, show func(T) string) setting {
	var zero T
	return setting{
		name: name,
		values: func(s Spec) []string {
			if value := *field(&s); value != zero {
				return []string{show(value)}
			}
			return nil
		},
		add: func(s *Spec, given Spec) { *field(s) = *field(&given) },
		remove: func(s *Spec, value string) {
			if now := *field(s); value == "" || show(now) == value {
				*field(s) = zero
			}
		},
	}
}

func text(name string, field func(*Spec) *string) setting {
	return one(name, field, func(value string) string { return value })
}

// several is a setting of several values that have no key.
func several(name string, field func(*Spec) *[]string) setting {
	return setting{
		name:   name,
		values: func(s Spec) []string { return *field(&s) },
		add: func(s *Spec, given Spec) {
			for _, value := range *field(&given) {
				if !slices.Contains(*field(s), value) {
					*field(s) = append(*field(s), value)
				}
			}
		},
		remove: func(s *Spec, value string) {
			*field(s) = slices.DeleteFunc(*field(s), func(each string) bool { return value == "" || each == value })
		},
	}
}

// pairs is a setting of values that have a key.
func pairs[K ~string, V any](name string, field func(*Spec) map[K]V, set func(*Spec, map[K]V), show func(V) string) setting {
	return setting{
		name: name,
		values: func(s Spec) []string {
			var values []string
			for _, key := range slices.Sorted(maps.Keys(field(&s))) {
				values = append(values, string(key)+"="+show(field(&s)[key]))
			}
			return values
		},
		add: func(s *Spec, given Spec) {
			merged := map[K]V{}
			maps.Copy(merged, field(s))
			maps.Copy(merged, field(&given))
			set(s, merged)
		},
		remove: func(s *Spec, value string) {
			left := maps.Clone(field(s))
			maps.DeleteFunc(left, func(key K, each V) bool {
				return value == "" || value == string(key) || value == string(key)+"="+show(each)
			})
			set(s, nilIfEmpty(left))
		},
	}
}

func labels(name string, field func(*Spec) *map[string]string) setting {
	return pairs(name, func(s *Spec) map[string]string { return *field(s) }, func(s *Spec, m map[string]string) { *field(s) = m },
		func(value string) string { return value })
}

func resources(name string, field func(*Spec) *corev1.ResourceList) setting {
	return pairs(name,
		func(s *Spec) map[corev1.ResourceName]quantity { return *field(s) },
		func(s *Spec, m map[corev1.ResourceName]quantity) { *field(s) = m },
		func(value quantity) string { return value.String() })
}

// Difference is what changes of one setting.
type Difference struct {
	// Name is that of the setting.
	Name string
	// Gone are the values that it no longer has, New those that it has not had.
	Gone, New []string
}

// Differences are the settings that differ between two Specs, in the order of Settings.
func Differences(before, after Spec) []Difference {
	var list []Difference
	for _, each := range settings() {
		was, is := each.values(before), each.values(after)
		difference := Difference{Name: each.name}
		for _, value := range was {
			if !slices.Contains(is, value) {
				difference.Gone = append(difference.Gone, value)
			}
		}
		for _, value := range is {
			if !slices.Contains(was, value) {
				difference.New = append(difference.New, value)
			}
		}
		if len(difference.Gone)+len(difference.New) > 0 {
			list = append(list, difference)
		}
	}
	return list
}

func env() setting {
	return setting{
		name: "env",
		values: func(s Spec) []string {
			var values []string
			for _, each := range s.Env {
				values = append(values, each.Name+"="+each.Value)
			}
			return values
		},
		add: func(s *Spec, given Spec) {
			for _, new := range given.Env {
				at := slices.IndexFunc(s.Env, func(old corev1.EnvVar) bool { return old.Name == new.Name })
				if at < 0 {
					s.Env = append(s.Env, new)
				} else {
					s.Env[at] = new
				}
			}
		},
		remove: func(s *Spec, value string) {
			name, _, _ := strings.Cut(value, "=")
			s.Env = slices.DeleteFunc(s.Env, func(each corev1.EnvVar) bool { return value == "" || each.Name == name })
		},
	}
}
