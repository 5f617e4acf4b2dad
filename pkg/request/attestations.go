package request

import (
	"maps"
	"strconv"
	"strings"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Attestations are the flags for attestations: --attest, --sbom and --provenance.
type Attestations struct {
	Attest     []string // --attest
	SBOM       string   // --sbom; "" if not given
	Provenance string   // --provenance; "" if not given
}

const (
	attestSBOM        = "sbom"
	attestProvenance  = "provenance"
	attestAttr        = "attest:"
	noAttestationsEnv = "BUILDX_NO_DEFAULT_ATTESTATIONS"
	noArtifactEnv     = "BUILDX_NO_DEFAULT_OCI_ARTIFACT"
)

// attestation is one of them, as set by one flag.
type attestation struct {
	flag, typed string
	kind        string
	disabled    bool
	attrs       map[string]string
}

// apply also adds docker's default attestations, so that the same build has the
// same digest. buildctl has no defaults.
func (o Attestations) apply(r *Request, env Environment) error {
	var err error
	if r.noArtifact, err = environmentBool(env, noArtifactEnv); err != nil {
		return err
	}
	chosen := map[string]attestation{}
	for _, given := range o.typed() {
		a, err := parseAttestation(given.flag, given.value)
		if err != nil {
			return err
		}
		before, twice := chosen[a.kind]
		if twice && (before.disabled != a.disabled || !maps.Equal(before.attrs, a.attrs)) {
			return a.wrong(before.flag+" "+before.typed+" contradicts it", "leave one of them out")
		}
		chosen[a.kind] = a
	}
	for kind, a := range chosen {
		if !a.disabled {
			r.attrs[attestAttr+kind] = joinFields(kind, a.attrs)
			r.attested = true
		}
	}
	if _, given := chosen[attestProvenance]; given || r.plain {
		return nil
	}
	return applyDefaultProvenance(r, env)
}

type typedValue struct{ flag, value string }

// typed returns every flag in the form of --attest.
func (o Attestations) typed() []typedValue {
	var all []typedValue
	for _, value := range o.Attest {
		all = append(all, typedValue{"--attest", value})
	}
	if o.Provenance != "" {
		all = append(all, typedValue{"--provenance", o.Provenance})
	}
	if o.SBOM != "" {
		all = append(all, typedValue{"--sbom", o.SBOM})
	}
	return all
}

// parseAttestation parses type=TYPE,key=value,… or, for --sbom and --provenance, a
// boolean or key=value,….
func parseAttestation(flag, value string) (attestation, error) {
	a := attestation{flag: flag, typed: value, attrs: map[string]string{}}
	if flag != "--attest" {
		a.kind = strings.TrimPrefix(flag, "--")
		if yes, err := strconv.ParseBool(value); err == nil {
			a.disabled = !yes
			return a, nil
		}
	}
	fields, err := parseFields(flag, value)
	if err != nil {
		return a, err
	}
	for _, f := range fields {
		switch f.key {
		case "":
			return a, notPair(flag, value, f, a.form())
		case "type":
			a.kind = f.value
		case "disabled":
			if a.disabled, err = strconv.ParseBool(f.value); err != nil {
				return a, a.wrong("disabled="+f.value+" is not a boolean", "use disabled=true or disabled=false")
			}
		default:
			key, _, _ := strings.Cut(f.typed, "=")
			a.attrs[strings.TrimSpace(key)] = f.value
		}
	}
	return a, a.check()
}

func (a attestation) check() error {
	switch a.kind {
	case "":
		return a.wrong("type= is missing", "use "+a.form())
	case attestSBOM, attestProvenance:
	default:
		return a.wrong(`unknown type "`+a.kind+`"`, "use type=sbom or type=provenance")
	}
	if mode, given := a.attrs["mode"]; a.kind == attestProvenance && given && mode != "min" && mode != "max" {
		return a.wrong(`unknown mode "`+mode+`"`, "use mode=min or mode=max")
	}
	return nil
}

func (a attestation) form() string {
	switch a.flag {
	case "--sbom":
		return "--sbom=true, --sbom=false or --sbom=generator=IMAGE"
	case "--provenance":
		return "--provenance=true, --provenance=false or --provenance=mode=max"
	}
	return "type=sbom or type=provenance,mode=max"
}

func (a attestation) wrong(reason, next string) error {
	return &usage.Error{What: a.flag, Value: a.typed, Reason: reason, Next: next}
}

func applyDefaultProvenance(r *Request, env Environment) error {
	off, err := environmentBool(env, noAttestationsEnv)
	if err == nil && !off {
		r.attrs[attestAttr+attestProvenance] = "mode=min,inline-only=true"
	}
	return err
}
