package output_test

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/usage"
)

func answer() output.Answer {
	type fields struct {
		Bytes   int64    `json:"bytes"`
		Members []string `json:"members"`
	}
	return output.Answer{
		Kind:    "Builder",
		Columns: []output.Column{{Name: "Name"}, {Name: "Size"}, {Name: "Members", Wide: true}},
		Items: []output.Item{
			{Name: "one", Namespace: "ns", Fields: fields{9007199254740993, []string{"one-0", "one-1"}}, Cells: []any{"one", "9PB", "one-0,one-1"}},
			{Name: "another", Namespace: "ns", Fields: fields{0, nil}, Cells: []any{"another", "0B", "<none>"}},
		},
		Beside: map[string]any{"totals": map[string]int64{"bytes": 9007199254740993}},
	}
}

func single() output.Answer {
	one := answer()
	one.Items, one.Single = one.Items[:1], true
	return one
}

func printed(t *testing.T, answer output.Answer, args ...string) string {
	t.Helper()
	var format output.Format
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	format.Register(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := errors.Join(format.Check(), format.Print(&out, answer)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

var update = flag.Bool("update", false, "write the golden files anew")

func TestFormats(t *testing.T) {
	for name, args := range map[string][]string{
		"table":          nil,
		"wide":           {"-o", "wide"},
		"no-headers":     {"--no-headers"},
		"json":           {"-o", "json"},
		"yaml":           {"-o", "yaml"},
		"name":           {"-o", "name"},
		"jsonpath":       {"-o", "jsonpath={range .items[*]}{.metadata.name}={.bytes}{\"\\n\"}{end}{.totals.bytes}"},
		"go-template":    {"-o", "go-template={{range .items}}{{.metadata.namespace}}/{{.metadata.name}} {{end}}"},
		"custom-columns": {"-o", "custom-columns=NAME:.metadata.name,MEMBERS:{.members[*]},NONE:.colour,SIZE:bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			got := printed(t, answer(), args...)
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("got\n%swant\n%s%v", got, want, err)
			}
		})
	}
}

func TestSingleIsNoList(t *testing.T) {
	if got := printed(t, single(), "-o", "jsonpath={.kind} {.metadata.name} {.members[1]}"); got != "Builder one one-1" {
		t.Errorf("got %q", got)
	}
	if got := printed(t, single(), "-o", "custom-columns=N:.metadata.name", "--no-headers"); got != "one\n" {
		t.Errorf("got %q", got)
	}
}

func TestEmptyListIsAList(t *testing.T) {
	none := output.Answer{Kind: "Builder"}
	if got := printed(t, none, "-o", "json"); !strings.Contains(got, `"items": []`) || !strings.Contains(got, `"BuilderList"`) {
		t.Errorf("got %s", got)
	}
}

func TestTextIsForPeople(t *testing.T) {
	text := single()
	text.Text = func(w io.Writer, wide bool) error {
		_, err := io.WriteString(w, map[bool]string{false: "narrow", true: "wide"}[wide])
		return err
	}
	for args, want := range map[string]string{"": "narrow", "-owide": "wide", "-oname": "builder/one\n"} {
		if got := printed(t, text, strings.Fields(args)...); got != want {
			t.Errorf("%q: %q", args, got)
		}
	}
}

func TestWrongFormats(t *testing.T) {
	for _, value := range []string{
		"xml", "jsonpath={.items", "custom-columns=", "custom-columns=NAME", "custom-columns=NAME:", "custom-columns=N:.a[", "go-template={{", "jsonpath-file=/nonexistent",
	} {
		var format output.Format
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		format.Register(flags)
		if err := flags.Parse([]string{"-o", value}); err != nil {
			t.Fatal(err)
		}
		var wrong *usage.Error
		if err := format.Check(); !errors.As(err, &wrong) || wrong.Value != value || wrong.Reason == "" {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// JSON and YAML are read by programs, kept in logs of pipelines, and have no credentials either.
func TestFieldsHaveNoCredentials(t *testing.T) {
	answer := output.Answer{Kind: "Builder", Single: true, Items: []output.Item{{Name: "a", Fields: map[string]any{
		"install": "kubectl buildkit install --env HTTPS_PROXY=http://u:t0k3n@proxy:1", "list": []string{"https://h/?token=t0k3n&a=1"}, "count": 1 << 60,
	}}}}
	for _, text := range []string{"json", "yaml", "jsonpath={.install}{.list}"} {
		if got := printed(t, answer, "-o", text); strings.Contains(got, "t0k3n") || !strings.Contains(got, "http://***@proxy:1") {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// What has not been written is an error in every format.
func TestFullDisk(t *testing.T) {
	for _, value := range []string{"", "wide", "name", "json", "yaml", "jsonpath={.items}", "custom-columns=A:.metadata.name"} {
		format := &output.Format{}
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		format.Register(flags)
		if err := errors.Join(flags.Parse([]string{"--output=" + value}), format.Check()); err != nil {
			t.Fatal(err)
		}
		if err := format.Print(fullDisk{}, answer()); err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("%q: %v", value, err)
		}
	}
}
