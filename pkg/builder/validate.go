package builder

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// maxName leaves room, in a label's 63 characters, for the suffix that a StatefulSet's controller
// adds.
const maxName = 52

// minStorage is the least size of a volume, in bytes: 10 would be ten bytes, and is a slip of the
// finger.
const minStorage = 1 << 30

// maxReplicas is a guard against a slip of the finger, not a limit of the design.
const maxReplicas = 1000

// Validate says what is wrong with the Spec, as a *usage.Error.
func (s Spec) Validate() error {
	s = s.WithDefaults()
	checks := []func() error{
		s.validateName, s.validateMode, s.validateStepNetwork, s.validateImage, s.validateRegistryCA, s.validateResources, s.validatePlacement, s.validatePlatforms, s.validateScheduling, s.validatePatch,
		s.validateMetadata, s.validateEnv, s.validateStorage,
	}
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	_, err := s.DaemonConfig(CurrentDefaults)
	return err
}

// ValidateName says what is wrong with the name of a builder.
func ValidateName(name string) error {
	if len(name) > maxName {
		return invalid("builder name", name, fmt.Sprintf("it is longer than %d characters", maxName), "choose a shorter one")
	}
	if reasons := content.IsDNS1123Label(name); len(reasons) > 0 {
		return invalid("builder name", name, "it is not a DNS label",
			"use lower-case letters, digits and '-', e.g. "+DefaultName)
	}
	return nil
}

func (s Spec) validateName() error {
	if err := ValidateName(s.Name); err != nil {
		return err
	}
	if reasons := content.IsDNS1123Label(s.Namespace); len(reasons) > 0 {
		return invalid("namespace", s.Namespace, "it is not a DNS label", "use lower-case letters, digits and '-'")
	}
	return nil
}

func (s Spec) validateMode() error {
	if all := append([]string{ModeAuto}, Modes()...); !slices.Contains(all, s.RunMode()) {
		return invalid("mode", s.Mode, "it is not a mode", "must be one of: "+strings.Join(all, ", "))
	}
	return nil
}

func (s Spec) validateStepNetwork() error {
	const field = "step network"
	if s.StepNetwork != "" && !slices.Contains(StepNetworks(), s.StepNetwork) {
		return invalid(field, s.StepNetwork, "it is not a network", "must be one of: "+strings.Join(StepNetworks(), ", "))
	}
	if s.StepNetwork != StepNetworkBridge {
		return nil
	}
	if s.Rootless() {
		return invalid(field, s.StepNetwork, "a rootless daemon may not connect networks", "choose --mode userns or privileged, or --step-network host")
	}
	own, err := parseConfig(s.Config)
	if oci := fold(table(table(own, "worker"), "oci")); err == nil && (oci["networkmode"] != nil || oci["cniconfigpath"] != nil || oci["cnibinarypath"] != nil) {
		return invalid(FieldConfig, "worker.oci", "the network of steps is set there and by --step-network", "leave one of the two out")
	}
	return nil
}

func (s Spec) validateImage() error {
	if badImage(s.Image) {
		return invalid("image", s.Image, "it is not an image reference", "write e.g. "+DefaultImage(s.Rootless()))
	}
	for _, name := range s.ImagePullSecrets {
		if reasons := content.IsDNS1123Subdomain(name); len(reasons) > 0 {
			return invalid("image pull secret", name, "it is not a Secret's name", "name a Secret of the builder's namespace")
		}
	}
	if s.ServiceAccount != "" {
		if reasons := content.IsDNS1123Subdomain(s.ServiceAccount); len(reasons) > 0 {
			return invalid("service account", s.ServiceAccount, "it is not a service account's name", "")
		}
	}
	return nil
}

func (s Spec) validateRegistryCA() error {
	const field, hint = FieldRegistryCA, "give a PEM file with one or more CERTIFICATE blocks"
	rest, found := s.RegistryCA, 0
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return invalid(field, block.Type, "it is not a certificate", hint)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return invalid(field, fmt.Sprintf("certificate %d", found+1), "it cannot be read: "+err.Error(), hint)
		}
		found++
	}
	if len(s.RegistryCA) > 0 && found == 0 {
		return invalid(field, "", "it holds no certificate", hint)
	}
	return nil
}

func (s Spec) validateResources() error {
	for _, name := range slices.Sorted(maps.Keys(s.Requests)) {
		request := s.Requests[name]
		limit, limited := s.Limits[name]
		if limited && request.Cmp(limit) > 0 {
			return invalid("request", string(name)+"="+request.String(), "it is more than its limit of "+limit.String(),
				"lower the request or raise the limit")
		}
	}
	return nil
}

func (s Spec) validatePlacement() error {
	for _, key := range slices.Sorted(maps.Keys(s.NodeSelector)) {
		value := s.NodeSelector[key]
		if reasons := content.IsLabelKey(key); len(reasons) > 0 {
			return invalid("node selector", key, reasons[0], "")
		}
		if reasons := content.IsLabelValue(value); len(reasons) > 0 {
			return invalid("node selector", key+"="+value, reasons[0], "")
		}
		if key == corev1.LabelOSStable && value != "linux" {
			return invalid("node selector", key+"="+value, "the daemon runs on Linux nodes", "leave it out")
		}
	}
	return nil
}

func (s Spec) validateMetadata() error {
	ours := ObjectLabels(s.Name)
	for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
		value := s.Labels[key]
		if _, taken := ours[key]; taken || key == LabelFamily {
			return invalid("label", key+"="+value, "this key belongs to install, which finds its objects by it", "choose another key")
		}
		if reasons := content.IsLabelKey(key); len(reasons) > 0 {
			return invalid("label", key, reasons[0], "")
		}
		if reasons := content.IsLabelValue(value); len(reasons) > 0 {
			return invalid("label", key+"="+value, reasons[0], "")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.Annotations)) {
		if OwnAnnotation(key) {
			return invalid("annotation", key, "this prefix belongs to install", "choose another key")
		}
		if reasons := content.IsLabelKey(strings.ToLower(key)); len(reasons) > 0 {
			return invalid("annotation", key, reasons[0], "")
		}
	}
	return nil
}

func (s Spec) validateEnv() error {
	for _, variable := range s.Env {
		if reasons := validation.IsEnvVarName(variable.Name); len(reasons) > 0 {
			return invalid("environment variable", variable.Name, reasons[0], "")
		}
		if variable.Name == envDebugAddress {
			return invalid("environment variable", variable.Name, "every step of a build could read the daemon's memory there", "leave it out")
		}
		if variable.Name == EnvCertDirs && len(s.RegistryCA) > 0 {
			return invalid("environment variable", variable.Name, "the registry CA sets it", "give one of the two")
		}
	}
	return nil
}

func (s Spec) validateStorage() error {
	if s.Replicas < 0 || s.Replicas > maxReplicas {
		return invalid("replicas", fmt.Sprint(s.Replicas), fmt.Sprintf("it is not between 1 and %d", maxReplicas), "")
	}
	if s.MaxBuilds < 0 {
		return invalid("max builds", fmt.Sprint(s.MaxBuilds), "it is negative", "write at least 1, or 0 for no limit")
	}
	if s.Storage != nil && s.Storage.Sign() <= 0 {
		return invalid("storage", s.Storage.String(), "it is not a size", "write e.g. 50Gi")
	}
	if s.Storage != nil && s.Storage.Value() < minStorage {
		return invalid("storage", s.Storage.String(), "a cache needs at least 1Gi", "write e.g. 50Gi")
	}
	if s.Storage == nil && s.StorageClass != "" {
		return invalid("storage class", s.StorageClass, "no volume without a size", "give the size of the volume as well")
	}
	if s.GracePeriod < 0 {
		return invalid("grace period", s.GracePeriod.String(), "it is negative", "")
	}
	return nil
}

// EnvCertDirs is the variable by which the daemon finds trusted certificates; Go reads a
// colon-separated list from it.
const EnvCertDirs = "SSL_CERT_DIR"

// envDebugAddress is the daemon's variable for grpc.debugAddress.
const envDebugAddress = "BUILDKITD_DEBUGADDR"

// invalid returns a *usage.Error about a field of a Spec, which is called as the flag that sets it.
func invalid(field, value, reason, next string) error {
	return &usage.Error{What: flagOf(field), Value: value, Reason: reason, Next: next}
}

// flagOf is the flag that sets a field of a builder, e.g. "--node-selector" for "node selector".
func flagOf(field string) string {
	switch field {
	case "builder name", "namespace", FieldConfig, FieldRegistryCA, FieldAffinity, FieldPatch:
		return field
	case "environment variable", "environment":
		return "--env"
	case "mirror":
		return "--registry-mirror"
	}
	return "--" + strings.ToLower(strings.ReplaceAll(field, " ", "-"))
}
