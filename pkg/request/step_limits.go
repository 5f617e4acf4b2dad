package request

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// ulimitNames returns the names of the limits of setrlimit(2).
func ulimitNames() []string {
	return []string{
		"core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss", "rtprio",
		"rttime", "sigpending", "stack",
	}
}

// applyUlimits sets the last value of each limit.
func applyUlimits(r *Request, values []string) error {
	limits := map[string]string{}
	for _, value := range values {
		name, limit, err := parseUlimit(value)
		if err != nil {
			return err
		}
		limits[name] = limit
	}
	if len(limits) == 0 {
		return nil
	}
	parts := make([]string, 0, len(limits))
	for _, name := range sortedKeys(limits) {
		parts = append(parts, name+"="+limits[name])
	}
	r.attrs["ulimit"] = strings.Join(parts, ",")
	return nil
}

// parseUlimit parses NAME=SOFT[:HARD]; -1 is unlimited, and the default of HARD is
// SOFT.
func parseUlimit(value string) (name, limit string, err error) {
	wrong := func(reason, next string) error {
		return &usage.Error{What: "--ulimit", Value: value, Reason: reason, Next: next}
	}
	const form = "use NAME=SOFT[:HARD], e.g. nofile=1024:2048"
	name, limits, ok := strings.Cut(value, "=")
	if !ok {
		return "", "", wrong("it is not NAME=SOFT[:HARD]", form)
	}
	if !slices.Contains(ulimitNames(), name) {
		return "", "", wrong(`unknown limit "`+name+`"`, "use "+strings.Join(ulimitNames(), ", "))
	}
	first, second, both := strings.Cut(limits, ":")
	soft, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return "", "", wrong(`"`+first+`" is not a number`, form)
	}
	hard := soft
	if both {
		if hard, err = strconv.ParseInt(second, 10, 64); err != nil {
			return "", "", wrong(`"`+second+`" is not a number`, form)
		}
	}
	if hard != -1 && (soft == -1 || soft > hard) {
		return "", "", wrong("the soft limit is above the hard limit", form)
	}
	return name, strconv.FormatInt(soft, 10) + ":" + strconv.FormatInt(hard, 10), nil
}

// resourceAttr returns the frontend's attribute for a resource; ok is false for an
// unknown resource.
func resourceAttr(key string) (attr string, ok bool) {
	attr, ok = map[string]string{
		"memory": "memory", "memory-swap": "memswap", "cpu-shares": "cpushares", "cpu-period": "cpuperiod",
		"cpu-quota": "cpuquota", "cpuset-cpus": "cpusetcpus", "cpuset-mems": "cpusetmems",
	}[key]
	return attr, ok
}

// applyResources limits each step, with docker's names.
func applyResources(r *Request, values []string) error {
	for _, value := range values {
		attr, text, err := parseResource(value)
		if err != nil {
			return err
		}
		if text == "" || (text == "0" && !strings.HasPrefix(attr, "cpuset")) {
			delete(r.attrs, attr) // the builder's default
			continue
		}
		r.attrs[attr] = text
	}
	return nil
}

func parseResource(value string) (attr, text string, err error) {
	wrong := func(reason, next string) error {
		return &usage.Error{What: "--resource", Value: value, Reason: reason, Next: next}
	}
	key, text, ok := strings.Cut(value, "=")
	key, text = strings.TrimSpace(key), strings.TrimSpace(text)
	if !ok {
		return "", "", wrong("it is not key=value", "use e.g. memory=2g or cpu-quota=50000")
	}
	attr, known := resourceAttr(key)
	switch {
	case !known:
		return "", "", wrong(`unknown resource "`+key+`"`,
			"use memory, memory-swap, cpu-shares, cpu-period, cpu-quota, cpuset-cpus or cpuset-mems")
	case key == "memory-swap" && text == "-1", strings.HasPrefix(key, "cpuset-"):
		return attr, text, nil
	case strings.HasPrefix(key, "memory"):
		size, err := ParseBytes(text)
		if err != nil {
			return "", "", wrong(err.Error(), "use a number and a unit, e.g. "+key+"=2g")
		}
		return attr, strconv.FormatInt(size, 10), nil
	}
	if number, err := strconv.ParseInt(text, 10, 64); err != nil || number < 0 {
		return "", "", wrong(`"`+text+`" is not a positive number`, "use e.g. "+key+"=50000")
	}
	return attr, text, nil
}

// ParseBytes parses a size as docker does, and returns bytes: a number with an
// optional unit, a power of 1024, e.g. 64m, 1.5GiB, 1024.
func ParseBytes(text string) (int64, error) {
	digits := strings.TrimRight(text, "bBiIkKmMgGtTpP ")
	unit := strings.ToLower(strings.TrimSpace(text[len(digits):]))
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || number < 0 || math.IsNaN(number) || strings.ContainsAny(digits, "eExX_+-") {
		return 0, errors.New(`"` + text + `" is not a valid size`)
	}
	unit = strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")
	power := strings.Index("kmgtp", unit) + 1
	if unit == "" {
		power = 0
	}
	if len(unit) > 1 || (unit != "" && power == 0) {
		return 0, errors.New(`"` + text + `" has no known unit`)
	}
	size := number * math.Pow(1024, float64(power))
	if size >= math.MaxInt64 {
		return 0, errors.New(`"` + text + `" is too large`)
	}
	return int64(size), nil
}
