package e2e_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// wrongInput is a command line that both clients must refuse. Ours does so before it looks for a cluster, and its
// message has the flag, the value and what to do.
type wrongInput struct {
	name string
	args string // CONTEXT is a good one
	says []string
}

func wrongInputList() []wrongInput {
	return []wrongInput{
		{"tag with capitals", "-t Upper:1 CONTEXT", []string{"--tag", "Upper:1"}},
		{"tag with a space", "-t a%20b CONTEXT", []string{"--tag"}},
		{"tag too deep in colons", "-t a:b:c CONTEXT", []string{"--tag", "a:b:c"}},
		{"missing context", "CONTEXT/absent", []string{"absent"}},
		{"context is a file", "CONTEXT/Dockerfile", []string{"not a directory"}},
		{"missing Dockerfile", "-f CONTEXT/other CONTEXT", []string{"--file", "other"}},
		{"unknown flag", "--no-such-flag CONTEXT", []string{"--no-such-flag"}},
		{"unknown progress", "--progress fancy CONTEXT", []string{"--progress", "fancy", "plain"}},
		{"unknown output type without push", "-o type=,dest=x CONTEXT", []string{"--output"}},
		{"output to nowhere", "-o type=local CONTEXT", []string{"--output", "dest"}},
		{"platform of nothing", "--platform linux/ CONTEXT", []string{"--platform", "linux/"}},
		{"platform with blanks", "--platform li%20nux CONTEXT", []string{"--platform"}},
		{"unknown cache type option", "--cache-from type= CONTEXT", []string{"--cache-from"}},
		{"cache-to registry without ref", "--cache-to type=registry CONTEXT", []string{"--cache-to", "ref"}},
		{"cache-to with a broken pair", "--cache-to type=local,dest CONTEXT", []string{"--cache-to"}},
		{"secret without a source", "--secret id=a,src=CONTEXT/absent CONTEXT", []string{"--secret", "absent"}},
		{"secret with an unknown key", "--secret id=a,colour=red CONTEXT", []string{"--secret", "colour"}},
		{"secret of an unknown type", "--secret type=cloud,id=a CONTEXT", []string{"--secret", "cloud"}},
		{"ssh without an agent", "--ssh default CONTEXT", []string{"--ssh", "SSH_AUTH_SOCK"}},
		{"ssh key that is absent", "--ssh default=CONTEXT/absent CONTEXT", []string{"--ssh", "absent"}},
		{"add-host without an address", "--add-host somewhere CONTEXT", []string{"--add-host", "somewhere"}},
		{"add-host with a wrong address", "--add-host somewhere:not-an-ip CONTEXT", []string{"--add-host", "not-an-ip"}},
		{"ulimit without a limit", "--ulimit nofile CONTEXT", []string{"--ulimit", "nofile"}},
		{"ulimit that is unknown", "--ulimit pigs=1 CONTEXT", []string{"--ulimit", "pigs"}},
		{"ulimit soft above hard", "--ulimit nofile=20:10 CONTEXT", []string{"--ulimit", "nofile=20:10"}},
		{"shm-size of nothing", "--shm-size big CONTEXT", []string{"--shm-size", "big"}},
		{"unknown entitlement", "--allow everything CONTEXT", []string{"--allow", "everything"}},
		{"annotation without a value", "--annotation lonely CONTEXT", []string{"--annotation", "lonely"}},
		{"annotation of an unknown type", "--annotation tree:a=b CONTEXT", []string{"--annotation", "tree"}},
		{"unknown attestation", "--attest type=hope CONTEXT", []string{"--attest", "hope"}},
		{"attestation without a type", "--attest mode=max CONTEXT", []string{"--attest"}},
		{"provenance mode", "--provenance mode=extreme CONTEXT", []string{"--provenance", "extreme"}},
		{"named context without a name", "--build-context =CONTEXT CONTEXT", []string{"--build-context"}},
		{"named context that is absent", "--build-context a=CONTEXT/absent CONTEXT", []string{"--build-context", "absent"}},
		{"unknown format of a call", "--call check,colour=red CONTEXT", []string{"--call", "colour"}},
		{"metadata file in no directory", "--metadata-file CONTEXT/no/m.json CONTEXT", []string{"--metadata-file", "m.json"}},
	}
}

func wrongInputs(t *testing.T, u *user, peer *buildx) {
	for _, c := range wrongInputList() {
		t.Run(c.name, func(t *testing.T) {
			u := u.in(t)
			context := t.TempDir()
			write(t, filepath.Join(context, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n")
			var args []string
			for _, arg := range strings.Fields(c.args) {
				arg = strings.ReplaceAll(strings.ReplaceAll(arg, "CONTEXT", context), "%20", " ")
				args = append(args, arg)
			}
			if out, err := peer.try(append([]string{"build", "--builder", "peer"}, args...)...); err == nil {
				t.Errorf("docker buildx build accepts it:\n%s", out)
			}
			u.env["KUBECONFIG"] = filepath.Join(u.home, "absent")
			u.buildkit(append([]string{"build"}, args...)...).exits(2).says(c.says...)
		})
	}
}
