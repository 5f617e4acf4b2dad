package explain

import (
	"errors"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/ephemeral"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/install"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/kube"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

// ephemeralSituations are those of builders for one build: no next step installs anything, or names
// what goes with the builder.
func ephemeralSituations() []situation {
	own := cluster.Member{Builder: "n-1", Namespace: "ns", Pod: "n-1-x", Ephemeral: true, MemoryLimit: "1Gi", MemoryRequest: "512Mi"}
	failed := func(err error) *driver.BuildError { return &driver.BuildError{Member: own, Ref: "r", Err: err} }
	lost := func(cause cluster.Cause) *driver.LostError {
		return &driver.LostError{Member: own, Diagnosis: cluster.Diagnosis{Cause: cause, Message: "it ended", Over: true}, Lost: &solve.LostError{Cause: errors.New("EOF")},
			After: &ephemeral.GoneError{Name: "n-1"}}
	}
	start := func(reason string) *install.StartError {
		return &install.StartError{Name: "n-1", Namespace: "ns", Pod: "n-1-x", Ephemeral: true, Reason: reason}
	}
	refused := func(by, message string) *ephemeral.RefusedError {
		return &ephemeral.RefusedError{Builder: "n", Err: &kube.AdmissionError{By: by, Kind: "Pod", Name: "n-1", Namespace: "ns", Message: message}}
	}
	return []situation{
		{failed(&solve.FailedStepError{Step: "RUN x", ExitCode: 1}), "RUN x", "", CodeFailed, ""},
		{failed(&solve.DiagnosedError{Reason: solve.RegistryUntrusted, Host: "h", Cause: errors.New("x509")}), "does not trust", "add --ephemeral-set registry-ca=FILE", CodeNoBuilder, "FILE"},
		{failed(&solve.FullDiskError{Cause: errors.New("full")}), "is full", "add --ephemeral-set node-selector=KEY=VALUE", CodeNoBuilder, "KEY VALUE"},
		{lost(cluster.CauseOOMKilled), "it did not come back: builder \"n-1\" was made for this build alone", "add --ephemeral-set limit=memory=2Gi --ephemeral-set request=memory=512Mi", CodeNoBuilder, ""},
		{lost(cluster.CauseDeleted), "it ended", "build again, which makes another builder", CodeNoBuilder, ""},
		{&ephemeral.GoneError{Name: "n-1"}, "n-1", "build again", CodeNoBuilder, ""},
		{start("Unschedulable"), "does not start", "--ephemeral-set changes, with the nodes", CodeNoBuilder, ""},
		{start("ErrImagePull"), "does not start", "image-pull-secret, which --ephemeral-set changes", CodeNoBuilder, ""},
		{start(cluster.ReasonNodeLost), "does not start", "build again", CodeNoBuilder, ""},
		{start(cluster.ReasonUnassigned), "does not start", "add --ephemeral-set scheduler=default-scheduler", CodeNoBuilder, ""},
		{start(install.ReasonTimeout), "does not start", "", CodeNoBuilder, ""},
		{refused("Pod Security", "violates PodSecurity"), "Pod Security refuses", "kubectl label namespace ns", CodeDenied, ""},
		{refused("the quota", "failed quota: q: must specify limits.memory for: buildkitd"), "refuses", "say what it needs, e.g.: add --ephemeral-set limit=memory=4Gi", CodeDenied, ""},
		{refused("the cluster", "maximum memory usage per Container is 1Gi, but limit is 2Gi"), "refuses", "add --ephemeral-set limit=memory=1Gi", CodeDenied, ""},
	}
}
