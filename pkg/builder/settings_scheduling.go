package builder

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// placementSettings say on which nodes the members run, and when they may leave them.
func placementSettings() []setting {
	return []setting{
		text("priority-class", func(s *Spec) *string { return &s.PriorityClass }),
		document("affinity", ".yaml", func(s *Spec) *[]byte { return &s.Affinity }),
		topologySpread(),
		text("runtime-class", func(s *Spec) *string { return &s.RuntimeClass }),
		text("scheduler", func(s *Spec) *string { return &s.Scheduler }),
		text(settingBudget, func(s *Spec) *string { return &s.DisruptionBudget }),
	}
}

// topologySpread is a setting of constraints, one for each key of nodes.
func topologySpread() setting {
	return setting{
		name:   "topology-spread",
		values: func(s Spec) []string { return spreadTexts(s.TopologySpread) },
		add: func(s *Spec, given Spec) {
			for _, new := range given.TopologySpread {
				at := slices.IndexFunc(s.TopologySpread, func(old corev1.TopologySpreadConstraint) bool { return old.TopologyKey == new.TopologyKey })
				if at < 0 {
					s.TopologySpread = append(s.TopologySpread, new)
				} else {
					s.TopologySpread[at] = new
				}
			}
		},
		remove: func(s *Spec, value string) {
			s.TopologySpread = slices.DeleteFunc(s.TopologySpread, func(each corev1.TopologySpreadConstraint) bool {
				return value == "" || value == each.TopologyKey || value == spreadText(each)
			})
		},
	}
}

// tolerationText is what ParseTolerations reads as that toleration.
func tolerationText(t corev1.Toleration) string {
	text := t.Key
	if t.Operator != corev1.TolerationOpExists {
		text += "=" + t.Value
	}
	if t.Effect != "" {
		text += ":" + string(t.Effect)
	}
	if t.TolerationSeconds != nil {
		text += fmt.Sprintf(" for %ds", *t.TolerationSeconds)
	}
	return text
}

func tolerations() setting {
	return setting{
		name: "toleration",
		values: func(s Spec) []string {
			var values []string
			for _, each := range s.Tolerations {
				values = append(values, tolerationText(each))
			}
			return values
		},
		add: func(s *Spec, given Spec) {
			for _, new := range given.Tolerations {
				if !slices.ContainsFunc(s.Tolerations, func(old corev1.Toleration) bool { return equality.Semantic.DeepEqual(old, new) }) {
					s.Tolerations = append(s.Tolerations, new)
				}
			}
		},
		remove: func(s *Spec, value string) {
			s.Tolerations = slices.DeleteFunc(s.Tolerations, func(each corev1.Toleration) bool {
				return value == "" || value == each.Key || value == tolerationText(each)
			})
		},
	}
}
