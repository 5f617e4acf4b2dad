package request

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/moby/buildkit/exporter/containerimage/exptypes"
)

// values are the valid values of an attribute of an output.
type values int

const (
	anyText values = iota
	boolean
	number
	imageNames
	compressions
	cacheModes
)

// artifactAttr is the attribute that stores attestations as OCI artifacts.
const artifactAttr = "oci-artifact"

// specialAttr is the attribute of type=local that keeps setuid and setgid bits,
// file capabilities and device nodes. It is not for the daemon.
const specialAttr = "special"

// knownTypes returns the valid values of --output type=.
func knownTypes() []string {
	return []string{typeImage, typeRegistry, typeOCI, typeDocker, typeLocal, typeTar, typeCacheOnly}
}

// knownAttributes returns the attributes of an output of the type, besides type= and
// dest=; nil for an unknown type.
func knownAttributes(kind string) map[string]values {
	switch kind {
	case typeImage, typeRegistry:
		return merged(commitAttributes(), map[string]values{
			"push": boolean, "push-by-digest": boolean, "registry.insecure": boolean, "unpack": boolean,
			"store": boolean, "name-canonical": boolean, "dangling-name-prefix": anyText, "danging-name-empty-only": boolean,
		})
	case typeOCI:
		return merged(commitAttributes(), map[string]values{"tar": boolean})
	case typeDocker:
		return merged(commitAttributes(), map[string]values{"tar": boolean, contextAttr: anyText})
	case typeLocal:
		return merged(treeAttributes(), map[string]values{"mode": anyText, "platform-split": boolean, specialAttr: boolean})
	case typeTar:
		return merged(treeAttributes(), map[string]values{"platform-split": boolean})
	case typeCacheOnly:
		return map[string]values{}
	}
	return nil
}

func commitAttributes() map[string]values {
	return map[string]values{
		"name": imageNames, "oci-mediatypes": boolean, artifactAttr: boolean, "attestation-inline": boolean,
		"prefer-nondist-layers": boolean, "rewrite-timestamp": boolean, "source-date-epoch": anyText,
		"compression": compressions, "compression-level": number, "force-compression": boolean,
		"buildinfo": boolean, "buildinfo-attrs": boolean,
	}
}

func treeAttributes() map[string]values {
	return map[string]values{"attestation-prefix": anyText, "source-date-epoch": anyText, "src": anyText}
}

func merged(into, from map[string]values) map[string]values {
	for key, value := range from {
		into[key] = value
	}
	return into
}

// checkAttributes rejects attributes that the daemon would reject, or would silently
// use as metadata of the image. It replaces the type "registry" by "image".
func (o *output) checkAttributes() error {
	if o.kind == "" {
		return o.wrong("type= is missing", "use type="+strings.Join(knownTypes(), ", "))
	}
	known := knownAttributes(o.kind)
	if known == nil {
		return o.wrong(`unknown type "`+o.kind+`"`, "use type="+strings.Join(knownTypes(), ", "))
	}
	for _, key := range sortedKeys(o.attrs) {
		if _, isAnnotation, err := exptypes.ParseAnnotationKey(key); isAnnotation {
			if err != nil {
				return o.wrong(err.Error(), "")
			}
			continue
		}
		kind, ok := known[key]
		if !ok {
			return o.unknown(key, known)
		}
		if err := o.checkValue(key, kind); err != nil {
			return err
		}
	}
	if o.kind == typeRegistry {
		o.kind = typeImage
		o.setPush()
	}
	return nil
}

func (o *output) checkValue(key string, kind values) error {
	value := o.attrs[key]
	if reason, next := kind.check(key, value); reason != "" {
		return o.wrong(reason, next)
	}
	if kind != imageNames || value == "" {
		return nil
	}
	for name := range strings.SplitSeq(value, ",") {
		if name == "*" {
			continue // the frontend gives the name
		}
		if err := checkTag("--output", name); err != nil {
			return err
		}
	}
	return nil
}

// check returns why a value is invalid, and the next step; "" if it is valid.
func (v values) check(key, value string) (reason, next string) {
	switch v {
	case boolean:
		if _, err := strconv.ParseBool(value); err != nil && value != "" {
			return key + "=" + value + " is not a boolean", "use " + key + "=true or " + key + "=false"
		}
	case number:
		if _, err := strconv.Atoi(value); err != nil {
			return key + "=" + value + " is not a number", ""
		}
	case compressions:
		if known := []string{"uncompressed", "gzip", "estargz", "zstd"}; !slices.Contains(known, value) {
			return `unknown compression "` + value + `"`, "use " + strings.Join(known, ", ")
		}
	case cacheModes:
		if value != "min" && value != "max" {
			return `unknown mode "` + value + `"`, "use mode=min for the layers of the image, or mode=max for every step's"
		}
	}
	return "", ""
}

func (o *output) unknown(key string, known map[string]values) error {
	if key == "output" {
		return o.wrong("unknown attribute output=", "use dest="+o.attrs[key])
	}
	names := append(sortedKeys(known), "dest")
	if o.kind == typeCacheOnly {
		return o.wrong("type=cacheonly takes no attributes", "leave out "+key+"=")
	}
	return o.wrong(`type=`+o.kind+` has no attribute "`+key+`"`, "known are "+strings.Join(names, ", "))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
