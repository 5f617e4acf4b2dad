package builder

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

type quantity = resource.Quantity

func daemonSettings() []setting {
	return []setting{
		text("image", func(s *Spec) *string { return &s.Image }),
		several("image-pull-secret", func(s *Spec) *[]string { return &s.ImagePullSecrets }),
		text("mode", func(s *Spec) *string { return &s.Mode }),
		text("step-network", func(s *Spec) *string { return &s.StepNetwork }),
		document(SettingConfig, ".toml", func(s *Spec) *[]byte { return &s.Config }),
		env(),
	}
}

func registrySettings() []setting {
	return []setting{
		mirrors(),
		several("insecure-registry", func(s *Spec) *[]string { return &s.InsecureRegistries }),
		{
			name: SettingRegistryCA,
			values: func(s Spec) []string {
				var values []string
				for _, block := range certificates(s.RegistryCA) {
					values = append(values, nameOf(block)+" "+sum(block.Bytes))
				}
				return values
			},
			add:    func(s *Spec, given Spec) { s.RegistryCA = addCertificates(s.RegistryCA, given.RegistryCA) },
			remove: func(s *Spec, value string) { s.RegistryCA = removeCertificates(s.RegistryCA, value) },
			file:   "-" + SettingRegistryCA + ".pem", content: func(s *Spec) *[]byte { return &s.RegistryCA },
		},
	}
}

func podSettings() []setting {
	return []setting{
		resources("request", func(s *Spec) *corev1.ResourceList { return &s.Requests }),
		resources("limit", func(s *Spec) *corev1.ResourceList { return &s.Limits }),
		labels("node-selector", func(s *Spec) *map[string]string { return &s.NodeSelector }),
		tolerations(),
		text("service-account", func(s *Spec) *string { return &s.ServiceAccount }),
		one("metrics", func(s *Spec) *bool { return &s.Metrics }, strconv.FormatBool),
		one("grace-period", func(s *Spec) *time.Duration { return &s.GracePeriod }, time.Duration.String),
	}
}

func objectSettings() []setting {
	return []setting{
		labels("label", func(s *Spec) *map[string]string { return &s.Labels }),
		labels("annotation", func(s *Spec) *map[string]string { return &s.Annotations }),
		document(SettingPatch, ".yaml", func(s *Spec) *[]byte { return &s.Patch }),
	}
}

func volumeSettings() []setting {
	return []setting{
		one("replicas", func(s *Spec) *int32 { return &s.Replicas }, decimal),
		one("max-builds", func(s *Spec) *int32 { return &s.MaxBuilds }, decimal),
		{
			name: SettingStorage,
			values: func(s Spec) []string {
				if s.Storage == nil {
					return nil
				}
				return []string{s.Storage.String()}
			},
			add: func(s *Spec, given Spec) { s.Storage = given.Storage },
			// A class without a volume means nothing.
			remove: func(s *Spec, _ string) { s.Storage, s.StorageClass = nil, "" },
		},
		text("storage-class", func(s *Spec) *string { return &s.StorageClass }),
	}
}

func decimal(n int32) string { return strconv.Itoa(int(n)) }

// document is a setting whose value is the text of a file. It is told by its length and its sum.
func document(name, extension string, text func(*Spec) *[]byte) setting {
	return setting{
		name: name,
		values: func(s Spec) []string {
			content := *text(&s)
			if len(content) == 0 {
				return nil
			}
			lines := bytes.Count(append(bytes.TrimRight(content, "\n"), '\n'), []byte("\n"))
			return []string{count(lines, "line") + " " + sum(content)}
		},
		add:    func(s *Spec, given Spec) { *text(s) = *text(&given) },
		remove: func(s *Spec, _ string) { *text(s) = nil },
		file:   "-" + name + extension, content: text,
	}
}

func mirrors() setting {
	return setting{
		name: "registry-mirror",
		values: func(s Spec) []string {
			var values []string
			for _, host := range slices.Sorted(maps.Keys(s.Mirrors)) {
				for _, mirror := range s.Mirrors[host] {
					values = append(values, host+"="+mirror)
				}
			}
			return values
		},
		add: func(s *Spec, given Spec) {
			for host, list := range given.Mirrors {
				if s.Mirrors == nil {
					s.Mirrors = map[string][]string{}
				}
				all := slices.Clone(s.Mirrors[host])
				for _, mirror := range list {
					if !slices.Contains(all, mirror) {
						all = append(all, mirror)
					}
				}
				s.Mirrors[host] = all
			}
		},
		remove: func(s *Spec, value string) {
			host, mirror, _ := strings.Cut(value, "=")
			for each := range s.Mirrors {
				if value != "" && host != each {
					continue
				}
				s.Mirrors[each] = slices.DeleteFunc(slices.Clone(s.Mirrors[each]), func(old string) bool { return mirror == "" || old == mirror })
				if len(s.Mirrors[each]) == 0 {
					delete(s.Mirrors, each)
				}
			}
			s.Mirrors = nilIfEmpty(s.Mirrors)
		},
	}
}

// certificates are the PEM blocks of a text.
func certificates(text []byte) []*pem.Block {
	var blocks []*pem.Block
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return blocks
		}
		blocks = append(blocks, block)
	}
}

// addCertificates returns the PEM text with those certificates of more that it does not have.
func addCertificates(text, more []byte) []byte {
	if len(text) == 0 {
		return more
	}
	all := certificates(text)
	sum := bytes.Clone(text)
	for _, block := range certificates(more) {
		if !slices.ContainsFunc(all, func(old *pem.Block) bool { return bytes.Equal(old.Bytes, block.Bytes) }) {
			sum = append(append(bytes.TrimRight(sum, "\n"), '\n'), pem.EncodeToMemory(block)...)
		}
	}
	return sum
}

// removeCertificates returns the PEM text without those that are called so, by name, fingerprint or
// both.
func removeCertificates(text []byte, called string) []byte {
	var kept []byte
	for _, block := range certificates(text) {
		name, fingerprint := nameOf(block), sum(block.Bytes)
		if called != "" && called != name && called != strings.Trim(fingerprint, "()") && called != name+" "+fingerprint {
			kept = append(kept, pem.EncodeToMemory(block)...)
		}
	}
	return kept
}

// nameOf is the subject of a certificate.
func nameOf(block *pem.Block) string {
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "certificate"
	}
	return cmp.Or(certificate.Subject.CommonName, certificate.Subject.String(), "certificate")
}

// sum tells contents apart, e.g. "(sha256:1f2e3d4c5b6a)".
func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return "(sha256:" + hex.EncodeToString(hash[:6]) + ")"
}

// count is e.g. "1 line" or "2 lines".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
