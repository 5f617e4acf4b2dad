package builder

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	yamlstream "k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// FieldAffinity is the What of a *usage.Error about the user's affinity.
const FieldAffinity = "affinity"

// ParseAffinity reads a corev1.Affinity, as YAML or JSON. It refuses fields that there are not: to
// ignore them would put members where they are not to be.
func ParseAffinity(text []byte) (*corev1.Affinity, error) {
	const hint = "write nodeAffinity, podAffinity or podAntiAffinity with what a Pod's spec.affinity has there"
	documents, err := jsonDocuments(text)
	switch {
	case err != nil:
		return nil, invalid(FieldAffinity, "", err.Error(), hint)
	case len(documents) != 1:
		return nil, invalid(FieldAffinity, "", fmt.Sprintf("it has %s, not one", count(len(documents), "document")), hint)
	}
	affinity := &corev1.Affinity{}
	if err := DecodeStrictly(documents[0], affinity); err != nil {
		return nil, invalid(FieldAffinity, "", err.Error(), hint)
	}
	if affinity.NodeAffinity == nil && affinity.PodAffinity == nil && affinity.PodAntiAffinity == nil {
		return nil, invalid(FieldAffinity, "", "it says nothing", hint)
	}
	return affinity, nil
}

// jsonDocuments are the documents of a YAML stream, as JSON, without those that are empty.
func jsonDocuments(text []byte) ([][]byte, error) {
	var documents [][]byte
	stream := yamlstream.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := stream.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, err
		}
		asJSON, err := yaml.YAMLToJSONStrict(document)
		if err != nil {
			return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if asJSON = bytes.TrimSpace(asJSON); string(asJSON) != "null" {
			documents = append(documents, asJSON)
		}
	}
}

// DecodeStrictly decodes a JSON object, telling upper from lower case, and refuses fields that the
// type does not have.
func DecodeStrictly(text []byte, into any) error {
	problems, err := strict.UnmarshalStrict(text, into)
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return errors.Join(problems...)
}

// ParseTopologySpread reads over which nodes members are spread: "KEY[=SKEW][:WHEN]", e.g.
// "topology.kubernetes.io/zone=1:DoNotSchedule", with a skew of 1 and ScheduleAnyway unless they
// are given.
func ParseTopologySpread(texts ...string) ([]corev1.TopologySpreadConstraint, error) {
	var constraints []corev1.TopologySpreadConstraint
	seen := map[string]bool{}
	for _, text := range splitAll(texts) {
		constraint, err := parseSpread(text)
		if err != nil {
			return nil, err
		}
		if seen[constraint.TopologyKey] {
			return nil, invalid("topology spread", text, constraint.TopologyKey+" is given twice", "")
		}
		seen[constraint.TopologyKey] = true
		constraints = append(constraints, constraint)
	}
	return constraints, nil
}

func parseSpread(text string) (corev1.TopologySpreadConstraint, error) {
	const field = "topology spread"
	const hint = "write KEY, KEY=SKEW or KEY=SKEW:WHEN, with WHEN being DoNotSchedule or ScheduleAnyway, e.g. topology.kubernetes.io/zone=1:DoNotSchedule"
	rest, when, hasWhen := strings.Cut(text, ":")
	key, skew, hasSkew := strings.Cut(rest, "=")
	constraint := corev1.TopologySpreadConstraint{MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.ScheduleAnyway}
	if reasons := content.IsLabelKey(key); len(reasons) > 0 {
		return constraint, invalid(field, text, "the key is wrong: "+reasons[0], hint)
	}
	if hasSkew {
		number, err := strconv.ParseInt(skew, 10, 32)
		if err != nil || number < 1 {
			return constraint, invalid(field, text, fmt.Sprintf("the skew %q is not a number from 1", skew), hint)
		}
		constraint.MaxSkew = int32(number)
	}
	if !hasWhen {
		return constraint, nil
	}
	switch constraint.WhenUnsatisfiable = corev1.UnsatisfiableConstraintAction(when); constraint.WhenUnsatisfiable {
	case corev1.DoNotSchedule, corev1.ScheduleAnyway:
		return constraint, nil
	}
	return constraint, invalid(field, text, fmt.Sprintf("unknown word %q", when), hint)
}

// spreadText is what ParseTopologySpread reads as that constraint.
func spreadText(c corev1.TopologySpreadConstraint) string {
	return fmt.Sprintf("%s=%d:%s", c.TopologyKey, c.MaxSkew, c.WhenUnsatisfiable)
}

func spreadTexts(constraints []corev1.TopologySpreadConstraint) []string {
	var texts []string
	for _, each := range constraints {
		texts = append(texts, spreadText(each))
	}
	return texts
}

// validateScheduling judges what says where members run, and when they may leave.
func (s Spec) validateScheduling() error {
	for _, name := range []struct{ field, value string }{
		{"priority class", s.PriorityClass}, {"runtime class", s.RuntimeClass}, {"scheduler", s.Scheduler},
	} {
		if reasons := content.IsDNS1123Subdomain(name.value); name.value != "" && len(reasons) > 0 {
			return invalid(name.field, name.value, "it is not the name of one: "+reasons[0], "")
		}
	}
	if len(s.Affinity) > 0 {
		if _, err := ParseAffinity(s.Affinity); err != nil {
			return err
		}
	}
	return s.validateBudget()
}

// validateBudget also refuses a budget for a Pod alone: the API server counts the members by their
// controller, and where there is none, no node could ever be drained.
func (s Spec) validateBudget() error {
	const field = "pod disruption budget"
	if s.DisruptionBudget == "" {
		return nil
	}
	number, percent := strings.CutSuffix(s.DisruptionBudget, "%")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 || percent && n > 100 || strconv.FormatInt(n, 10) != number {
		return invalid(field, s.DisruptionBudget, "it is neither a number nor a percentage", "write how many members may be away, e.g. 1 or 25%")
	}
	if !s.Stateful() {
		return invalid(field, s.DisruptionBudget, "a builder of one Pod without a volume has no controller that could count it, and its node could not be drained",
			"give --replicas or --storage as well, or --unset "+settingBudget)
	}
	return nil
}
