package view

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/builder"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
)

func familyMember(of, node string) cluster.Member {
	return cluster.Member{
		Builder: of, Namespace: "ns", Pod: of, UID: of, Node: node, Image: "img:1", Mode: "privileged", State: "Ready", Ready: true, Created: noon().Add(-time.Hour),
	}
}

func natives() []builder.Native {
	return []builder.Native{{Platform: "linux/amd64", Builder: "ci"}, {Platform: "linux/386", Builder: "ci-386"}, {Platform: "linux/arm64", Builder: "ci", Emulated: true}}
}

// A family is one builder, also where its head sorts behind a part of it; of a head that is not
// there, each part is one.
func TestListShowsAFamilyAsOneBuilder(t *testing.T) {
	builders := []cluster.Builder{
		{Name: "ci", Namespace: "ns", Platforms: natives(), Members: []cluster.Member{familyMember("ci", "n1")}, Desired: 1},
		{Name: "ci-386", Namespace: "ns", Family: "ci", Members: []cluster.Member{familyMember("ci-386", "n2")}, Desired: 2},
		{Name: "lost-arm", Namespace: "ns", Family: "lost", Desired: 1},
		{Name: "plain", Namespace: "ns", Members: []cluster.Member{familyMember("plain", "n1")}, Desired: 1},
	}
	answer := Builders(builders, false, nil, noon())
	if len(answer.Items) != 3 || answer.Columns[len(answer.Columns)-1].Name != "Platforms" {
		t.Fatalf("got %+v", answer)
	}
	cells := answer.Items[0].Cells
	if cells[0] != "ci" || cells[1] != "2/3" || cells[5] != "n1,n2" || cells[len(cells)-1] != "linux/amd64,linux/386,linux/arm64 (emulated)" {
		t.Errorf("got %v", cells)
	}
	if cells := answer.Items[2].Cells; cells[0] != "plain" || cells[len(cells)-1] != "<any>" {
		t.Errorf("got %v", cells)
	}
	text, err := json.Marshal(answer.Items[0].Fields)
	if err != nil || !strings.Contains(string(text), `{"platform":"linux/386","builder":"ci-386"}`) || !strings.Contains(string(text), `"pod":"ci-386","builder":"ci-386"`) {
		t.Errorf("%s, %v", text, err)
	}
	if text, _ := json.Marshal(answer.Items[2].Fields); strings.Contains(string(text), `"builder"`) || strings.Contains(string(text), "platforms") {
		t.Errorf("without platforms: %s", text)
	}
	if plain := Builders(builders[3:], false, nil, noon()); plain.Columns[len(plain.Columns)-1].Name == "Platforms" {
		t.Error("builders without platforms have the column")
	}
}

func TestInfoShowsWhichBuilderBuildsWhat(t *testing.T) {
	var heard []driver.Answer[Introduction]
	for _, name := range []string{"ci", "ci-386"} {
		connection := &cluster.Connection{Expires: noon().Add(48 * time.Hour), Platforms: natives()}
		if name != "ci" {
			connection = &cluster.Connection{Expires: noon().Add(24 * time.Hour), Platforms: natives()[1:2]}
		}
		heard = append(heard, driver.Answer[Introduction]{Member: familyMember(name, "n1"), Value: Introduction{Info: &solve.Info{Version: "v1"}, Connection: connection}})
	}
	fields := Builder("ci", "ns", heard, nil, nil, nil).Items[0].Fields.(builderFields)
	var text strings.Builder
	if err := printInfo(&text, "ci", "ns", fields, false, noon()); err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"linux/386 on builder ci-386\n", "linux/amd64\n", "linux/arm64 (emulated)\n", "(2 days)", "2, 2 ready"} {
		if strings.Count(text.String(), words) != 1 {
			t.Errorf("%q is not there once:\n%s", words, &text)
		}
	}
	if len(fields.Platforms) != 3 || fields.Members[1].Builder != "ci-386" {
		t.Errorf("got %+v", fields)
	}
}
