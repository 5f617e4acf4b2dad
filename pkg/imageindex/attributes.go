package imageindex

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
)

// Annotations returns those annotations in an exporter's attributes that belong to the index, and
// to its descriptor. Like BuildKit, it uses them whatever platform they name.
func Annotations(attrs map[string]string) (index, descriptor map[string]string, err error) {
	for key, value := range attrs {
		parsed, is, err := exptypes.ParseAnnotationKey(key)
		switch {
		case !is:
			continue
		case err != nil:
			return nil, nil, fmt.Errorf("parsing the annotation %q: %w", key, err)
		}
		switch parsed.Type {
		case exptypes.AnnotationIndex:
			index = with(index, parsed.Key, value)
		case exptypes.AnnotationIndexDescriptor:
			descriptor = with(descriptor, parsed.Key, value)
		}
	}
	return index, descriptor, nil
}

func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

// PartAttributes returns the attributes of the exporter for a daemon that builds only these of the
// platforms, so that its part can be merged. The annotations of the index and of other platforms
// are left out, for BuildKit accepts none of a platform that it does not build. What is pushed has
// no tag: see Names.
func PartAttributes(attrs map[string]string, names []string) (map[string]string, error) {
	part := maps.Clone(attrs)
	for key := range attrs {
		parsed, is, err := exptypes.ParseAnnotationKey(key)
		switch {
		case !is:
			continue
		case err != nil:
			return nil, fmt.Errorf("parsing the annotation %q: %w", key, err)
		}
		ofIndex := parsed.Type == exptypes.AnnotationIndex || parsed.Type == exptypes.AnnotationIndexDescriptor
		if ofIndex || parsed.Platform != nil && !slices.Contains(normalized(names), parsed.PlatformString()) {
			delete(part, key)
		}
	}
	if pushes, set := part[string(exptypes.OptKeyPush)]; set && IsTrue(pushes) {
		part[string(exptypes.OptKeyPushByDigest)] = "true"
		untagged, err := untagged(part[string(exptypes.OptKeyName)])
		if err != nil {
			return nil, err
		}
		part[string(exptypes.OptKeyName)] = untagged
	}
	return part, nil
}

// Names returns the references that an exporter's attributes push to, and whether only the digest
// is pushed, without tags. There are none if nothing is pushed.
func Names(attrs map[string]string) (names []string, byDigest bool) {
	pushes, set := attrs[string(exptypes.OptKeyPush)]
	if !set || !IsTrue(pushes) {
		return nil, false
	}
	for name := range strings.SplitSeq(attrs[string(exptypes.OptKeyName)], ",") {
		if name != "" {
			names = append(names, name)
		}
	}
	digests, set := attrs[string(exptypes.OptKeyPushByDigest)]
	return names, set && IsTrue(digests)
}

// untagged returns the repositories of a list of references.
func untagged(list string) (string, error) {
	var names []string
	for name := range strings.SplitSeq(list, ",") {
		if name == "" || name == "*" {
			names = append(names, name)
			continue
		}
		parsed, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return "", fmt.Errorf("parsing the reference %q: %w", name, err)
		}
		if repository := reference.TrimNamed(parsed).String(); !slices.Contains(names, repository) {
			names = append(names, repository)
		}
	}
	return strings.Join(names, ","), nil
}

func normalized(names []string) []string {
	list := make([]string, 0, len(names))
	for _, name := range names {
		if parsed, err := platforms.Parse(name); err == nil {
			list = append(list, platforms.FormatAll(platforms.Normalize(parsed)))
		}
	}
	return list
}

// IsTrue reports whether BuildKit reads the value of an exporter's attribute as true: without a
// value it is.
func IsTrue(text string) bool {
	yes, err := strconv.ParseBool(text)
	return text == "" || err == nil && yes
}
