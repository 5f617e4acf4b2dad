package request

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	spb "github.com/moby/buildkit/sourcepolicy/pb"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcontext"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/safefile"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

// Policy has the flags of source policies: --policy and --source-policy-file.
type Policy struct {
	Policies   []string // --policy
	SourceFile string   // --source-policy-file
}

const (
	policyFlag      = "--policy"
	policyForm      = "use filename=FILE.json, reset=true or disabled=true"
	maxPolicy       = 16 << 20 // bytes
	sourcePolicyEnv = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY"
)

// policyOption is one --policy.
type policyOption struct {
	files    []string
	reset    bool // ignore the previous files
	disabled bool // no policy at all
}

// apply collects the rules of every file: BuildKit's own source policies, which the
// daemon enforces. Policies in Rego, docker's other language, need an engine that this
// plugin does not have, so they are an error and not ignored.
func (o Policy) apply(r *Request, env Environment) error {
	if err := o.applyFile(r, env); err != nil {
		return err
	}
	var before []*spb.Rule
	if r.policy != nil {
		before = r.policy.Rules
	}
	rules := before
	for _, value := range o.Policies {
		option, err := parsePolicy(value)
		if err != nil {
			return err
		}
		if option.reset {
			rules = before
		}
		if option.disabled {
			if len(o.Policies) > 1 || len(option.files) > 0 {
				return &usage.Error{What: policyFlag, Value: value, Reason: "it disables the policies that are named", Next: "leave one of them out"}
			}
			r.policyDisabled = true
		}
		for _, name := range option.files {
			read, err := readPolicy(policyFlag, value, absolute(env, name))
			if err != nil {
				return err
			}
			rules = append(rules, read.Rules...)
		}
	}
	if len(rules) > 0 {
		r.policy = &spb.Policy{Version: 1, Rules: rules}
	}
	return nil
}

func (o Policy) applyFile(r *Request, env Environment) (err error) {
	flag, name := "--source-policy-file", o.SourceFile
	if name == "" {
		flag = sourcePolicyEnv
		name, _ = env.LookupEnv(sourcePolicyEnv)
	}
	if name != "" {
		r.policy, err = readPolicy(flag, name, absolute(env, name))
	}
	return err
}

func parsePolicy(value string) (policyOption, error) {
	var option policyOption
	wrong := func(reason, next string) error {
		return &usage.Error{What: policyFlag, Value: value, Reason: reason, Next: next}
	}
	fields, err := parseFields(policyFlag, value)
	if err != nil {
		return option, err
	}
	for _, f := range fields {
		switch f.key {
		case "filename":
			if f.value == "" {
				return option, wrong("filename= is empty", policyForm)
			}
			if strings.HasSuffix(f.value, ".rego") {
				return option, wrong("a policy in Rego needs an engine that this plugin does not have", "write it as a source policy of BuildKit in JSON")
			}
			option.files = append(option.files, f.value)
			continue
		case "log-level":
			return option, wrong("a source policy logs nothing", "leave out log-level=")
		case "":
			return option, notPair(policyFlag, value, f, "filename=FILE.json")
		}
		yes, err := strconv.ParseBool(f.value)
		switch {
		case f.key != "reset" && f.key != "disabled" && f.key != "strict":
			return option, wrong(`unknown key "`+f.key+`"`, policyForm)
		case err != nil:
			return option, wrong(f.key+"="+f.value+" is not a boolean", "use true or false")
		case f.key == "reset":
			option.reset = yes
		case f.key == "disabled":
			option.disabled = yes
		case !yes:
			return option, wrong("a source policy is always strict: the daemon enforces it", "leave out strict=")
		}
	}
	return option, nil
}

// readPolicy reads a policy in JSON, or in buildctl's protobuf form.
func readPolicy(flag, typed, path string) (*spb.Policy, error) {
	text, err := safefile.Read(path, maxPolicy)
	if err != nil {
		return nil, &usage.Error{What: flag, Value: typed, Reason: err.Error(), Next: "name a file in JSON with the rules"}
	}
	policy, err := parseSourcePolicy(text)
	if len(bytes.TrimSpace(text)) == 0 { // a valid protobuf policy without rules, which would allow everything
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, &usage.Error{What: flag, Value: typed, Reason: "invalid source policy: " + err.Error(), Next: `write {"rules": [{"action": "DENY", "selector": {"identifier": "…"}}]}`}
	}
	return policy, nil
}

func parseSourcePolicy(text []byte) (*spb.Policy, error) {
	policy := &spb.Policy{}
	err := json.Unmarshal(text, policy)
	if err == nil {
		return policy, nil
	}
	binary := &spb.Policy{}
	if binary.UnmarshalVT(text) != nil {
		return nil, err
	}
	return binary, nil
}

// refuseRego refuses the policy beside the Dockerfile, which docker would obey. That of a context
// which is not on this machine is found by the daemon.
func (o Input) refuseRego(r *Request, env Environment) error {
	if r.policyDisabled || r.source.Kind == buildcontext.Stdin || o.File == "-" {
		return nil
	}
	dir, names := o.Path, []string{"Dockerfile", "dockerfile"}
	if o.File != "" {
		dir, names = filepath.Dir(o.File), []string{filepath.Base(o.File)}
	}
	for _, name := range names {
		if _, err := safefile.Stat(absolute(env, filepath.Join(dir, name)+regoEnding)); err == nil && !r.plain {
			return regoRefused(filepath.Join(dir, name))
		}
	}
	return nil
}

// remotePolicies are the names that a Rego policy would have beside a Dockerfile that is in the
// context which the daemon fetches: git, or an archive. Those of a context on this machine were
// looked at.
func (r *Request) remotePolicies(attrs map[string]string) []string {
	if r.plain || r.policyDisabled || attrs["context"] == "" || attrs["dockerfilekey"] != "" || r.context.Fetched() != nil {
		return nil
	}
	name := attrs["filename"]
	if name == "" {
		name = "Dockerfile"
	}
	names := []string{name + regoEnding}
	if path.Base(name) == "Dockerfile" {
		names = append(names, path.Join(path.Dir(name), "dockerfile")+regoEnding)
	}
	return names
}

// RefusePolicy is the error about a policy that the daemon has found in the context, e.g.
// "Dockerfile.rego".
func RefusePolicy(policy string) error { return regoRefused(strings.TrimSuffix(policy, regoEnding)) }

const regoEnding = ".rego"

func regoRefused(dockerfile string) error {
	return &usage.Error{
		What: "--file", Value: dockerfile, Reason: "beside it is a policy, " + filepath.Base(dockerfile) + regoEnding + ", and Rego needs an engine that this plugin does not have",
		Next: "add --policy disabled=true to build without it",
	}
}
