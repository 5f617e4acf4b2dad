package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/trust"
)

func TestListTable(t *testing.T) {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	builders := []cluster.Builder{
		{Name: "buildkitd", Namespace: "a", Desired: 1, Members: []cluster.Member{
			{Pod: "buildkitd", Node: "n1", Image: "img:1", Mode: "rootless", State: "Ready", Ready: true, Created: now.Add(-90 * time.Minute)},
		}},
		{Name: "gone", Namespace: "b", Desired: 2},
	}
	if err := (&output.Format{}).Print(&out, Builders(builders, true, nil, now)); err != nil {
		t.Fatal(err)
	}
	want := "NAMESPACE   NAME        READY   STATUS    MODE        IMAGE       NODES    AGE\n" +
		"a           buildkitd   1/1     Ready     rootless    img:1       n1       90m\n" +
		"b           gone        0/2     Missing   <unknown>   <unknown>   <none>   <unknown>\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

// During a roll-out, list and info show which members are still to be replaced, and info also which
// of them have former certificates.
func TestMembersOfARollOut(t *testing.T) {
	members := []cluster.Member{
		{Builder: "team", Namespace: "ns", Pod: "team-0", UID: "0", Image: "img:1", State: "Ready", Ready: true, Spec: "old"},
		{Builder: "team", Namespace: "ns", Pod: "team-1", UID: "1", Image: "img:1", State: "Terminating", Spec: "old"},
		{Builder: "team", Namespace: "ns", Pod: "team-2", UID: "2", Image: "img:2", State: "Ready", Ready: true, Spec: "new"},
	}
	var out bytes.Buffer
	builders := []cluster.Builder{{Name: "team", Namespace: "ns", Desired: 3, Wanted: "new", Members: members}}
	if err := (&output.Format{}).Print(&out, Builders(builders, false, nil, noon())); err != nil {
		t.Fatal(err)
	}
	want := "NAME   READY   STATUS                             MODE        IMAGE         NODES    AGE\n" +
		"team   2/3     Ready,Terminating,Updating(1/3)    <unknown>   img:1,img:2   <none>   <unknown>\n"
	if got := strings.Join(strings.Fields(out.String()), " "); got != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}

	connection := &cluster.Connection{Expires: noon().Add(300 * 24 * time.Hour), Former: &trust.Identity{}}
	heard := []driver.Answer[Introduction]{
		{Member: members[0], Value: Introduction{Info: &solve.Info{}, Connection: connection, Presented: driver.Presented{End: noon().Add(48 * time.Hour), Former: true}}},
		{Member: members[2], Value: Introduction{Info: &solve.Info{}, Connection: connection, Presented: driver.Presented{End: connection.Expires}}},
	}
	silent := &driver.NoAnswerError{Silent: []driver.NoAnswer{{Member: members[1], Err: &cluster.TerminatingError{Name: "team", Namespace: "ns", Pod: "team-1"}}}}
	fields := Builder("team", "ns", heard, nil, map[string]string{"team": "new"}, silent).Items[0].Fields.(builderFields)
	var text strings.Builder
	if err := printInfo(&text, "team", "ns", fields, false, noon()); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"3, 2 ready, 2 still to be replaced", "accept the former ones", "a former one, valid until 2026-01-04"} {
		if strings.Count(text.String(), words) != 1 {
			t.Errorf("%q is not there once:\n%s", words, text.String())
		}
	}
	if m := fields.Members; !m[0].Outdated || !m[1].Outdated || m[2].Outdated || !m[0].FormerCertificate || m[2].FormerCertificate || m[2].CertificateExpires == nil {
		t.Errorf("got %+v", m)
	}
}

func TestInfoOfSeveralMembers(t *testing.T) {
	created := noon().Add(-time.Hour)
	member := func(pod string) cluster.Member {
		return cluster.Member{
			Builder: "team", Namespace: "ns", Pod: pod, UID: pod, Node: "n1", Image: "img:1", Mode: "rootless", State: "Ready", Ready: true, Created: created,
		}
	}
	info := &solve.Info{
		Version: "v1", Revision: "abc", Cache: solve.Cache{Records: 2, TotalBytes: 1_500_000, InUseBytes: 20},
		Workers: []solve.Worker{{ID: "w", Labels: map[string]string{"os": "linux"}, GC: []solve.GCRule{{MaxUsedBytes: 1e9, KeepSeconds: 172800, Filters: []string{"type==a", "type==b"}}, {All: true, ReservedBytes: 5}}}},
	}
	heard := []driver.Answer[Introduction]{{Member: member("team-0"), Value: Introduction{Info: info, Connection: &cluster.Connection{Expires: noon().Add(48 * time.Hour)}, Builds: &driver.MemberBuilds{}}}}
	down := member("team-1")
	down.State, down.Ready = "ImagePullBackOff", false
	silent := &driver.NoAnswerError{Silent: []driver.NoAnswer{{Member: down, Err: &cluster.NotReadyError{Name: "team", Namespace: "ns", Pod: "team-1", Reason: "ImagePullBackOff"}}}}
	answer := Builder("team", "ns", heard, nil, nil, silent)

	var out strings.Builder
	fields := answer.Items[0].Fields.(builderFields)
	if err := printInfo(&out, "team", "ns", fields, false, noon()); err != nil {
		t.Fatal(err)
	}
	compare(t, out.String(), `Builder:        team
Namespace:      ns
Members:        2, 1 ready
Certificates:   valid until 2026-01-04 (2 days)

Pod:            team-0
Node:           n1
Mode:           rootless
Image:          img:1
BuildKit:       v1
Builds:         0 running
Platforms:      <none>
Cache:          1.5MB in 2 records, 20B in use

Pod:            team-1
Node:           n1
State:          ImagePullBackOff
Mode:           rootless
Image:          img:1
BuildKit:       no answer: builder "team" in namespace "ns" is not ready: ImagePullBackOff
`)
	out.Reset()
	fields.Members = fields.Members[:1]
	if err := printInfo(&out, "team", "ns", fields, true, noon()); err != nil {
		t.Fatal(err)
	}
	compare(t, out.String(), `Builder:        team
Namespace:      ns
Certificates:   valid until 2026-01-04 (2 days)
Pod:            team-0
Node:           n1
State:          Ready
Mode:           rootless
Image:          img:1
Age:            60m
Restarts:       0
BuildKit:       v1
Revision:       abc
Builds:         0 running
Platforms:      <none>
Cache:          1.5MB in 2 records, 20B in use
Worker:         w
  os:           linux
  GC rule 1:    uses at most 1GB, only unused for 2d, only type==a or type==b
  GC rule 2:    keeps at least 5B, internal records too
`)
}
