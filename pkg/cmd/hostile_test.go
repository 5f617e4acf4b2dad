package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/solver/errdefs"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/buildcache"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/checkup"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/cluster"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/completion"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/driver"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/explain"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/history"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/output"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/progress"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/report"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/request"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/result"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/solve"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/stats"
	"github.com/kubectl-buildkit/kubectl-buildkit/pkg/view"
)

// hostile is what others can put into every name: it sets the title, rubs out lines, writes the
// clipboard, reverses text, and would be lines of its own.
const hostile = "app\x1b]0;owned\x07\x1b[1A\x1b[2K\x1b]52;c;cm0gLXJmIH4=\x07\u009b2J\x9b2J\u202e\u2028\r\nerror: forged\nnext:  forged\x1b[31m\xe9 https://u:hunter2@host/"

// printingPlaces print hostile text each. All of what prints is to be here.
func printingPlaces() map[string]func(*factory) {
	now := time.Now()
	record := driver.Record{
		Record: history.Record{Ref: hostile, Name: hostile, Status: history.Status(hostile), Created: now, Error: hostile},
		Member: cluster.Member{Pod: hostile, Builder: hostile, Namespace: hostile},
	}
	answer := output.Answer{
		Kind: "Record", Columns: []output.Column{{Name: "Name"}},
		Items: []output.Item{{Name: hostile, Fields: map[string]string{"text": hostile}, Cells: []any{hostile}}},
	}
	failed := errdefs.WithSource(errors.New(hostile), &errdefs.Source{
		Info:   &pb.SourceInfo{Filename: hostile, Data: []byte("FROM x\n" + hostile)},
		Ranges: []*pb.Range{{Start: &pb.Position{Line: 2}, End: &pb.Position{Line: 3}}},
	})
	return map[string]func(*factory){
		"history list": func(f *factory) {
			_ = (&output.Format{}).Print(f.streams.Out, view.Builds([]driver.Record{record}, now))
		},
		"list": func(f *factory) {
			builders := []cluster.Builder{{Name: hostile, Namespace: hostile, Members: []cluster.Member{{Pod: hostile, UID: "1", State: hostile}}}}
			_ = (&output.Format{}).Print(f.streams.Out, view.Builders(builders, true, map[string]driver.MemberBuilds{"1": {}}, now))
		},
		"list, no answer": func(f *factory) {
			f.warnUnlisted([]driver.Unlisted{{Pod: hostile, Namespace: hostile, Err: errors.New(hostile)}})
		},
		"info": func(f *factory) {
			of := history.ActiveBuild{Ref: hostile, Name: hostile, User: hostile, Since: now, For: time.Minute}
			member := cluster.Member{Pod: hostile, Builder: "b", Namespace: hostile, Node: hostile, Image: hostile, UID: "1", State: hostile}
			_ = (&output.Format{}).Print(f.streams.Out, view.Builder("b", "ns", []driver.Answer[view.Introduction]{{Member: member, Value: view.Introduction{
				Info:       &solve.Info{Version: hostile, Workers: []solve.Worker{{ID: hostile}}},
				Connection: &cluster.Connection{Expires: now},
				Builds:     &driver.MemberBuilds{Limit: 1, Active: history.Active{Running: []history.ActiveBuild{of}, Waiting: []history.ActiveBuild{of}}},
			}}}, nil, nil, nil))
		},
		"history stats": func(f *factory) {
			measured := driver.Measured{
				Builds: []stats.Build{{Ref: hostile, Member: hostile, Ran: []stats.Step{{Name: hostile}}}}, Members: 1,
				Unread: []driver.Unread{{Unread: history.Unread{Ref: hostile, Reason: hostile}, Member: hostile}},
			}
			_ = printStats(f, historyStatsOptions{by: string(stats.ByMember)}, measured, nil)
		},
		"history inspect": func(f *factory) {
			_ = (&output.Format{}).Print(f.streams.Out, view.Build(record, &history.Details{
				Frontend: hostile, Attributes: map[string]string{hostile: hostile}, Outputs: []history.Output{{Type: hostile, Attributes: map[string]string{hostile: hostile}}},
				Results: []history.Result{{Type: hostile, Digest: hostile}}, Materials: []history.Material{{URI: hostile}},
				Attestations: []history.Result{{Type: hostile, Platform: hostile}},
				Warnings:     []report.Warning{{Text: hostile, URL: hostile, Source: &report.Source{File: hostile, Lines: []report.Line{{Text: hostile}}}}},
				Failure:      &history.BuildFailure{Message: hostile, Step: hostile, Log: []string{hostile}, Sources: []report.Source{{File: hostile}}},
			}))
		},
		"an error":     func(f *factory) { f.printFailure(errorLabel, explain.Report{Text: hostile, Next: hostile}) },
		"a connection": func(f *factory) { (&served{factory: f}).failed(1, errors.New(hostile)) },
		"sources":      func(f *factory) { _ = solve.PrintSources(f.streams.ErrOut, failed) },
		"a stack":      func(f *factory) { f.printStack(errors.New(strings.ReplaceAll(hostile, "\n", ""))) },
		"the API's warnings": func(f *factory) {
			(&apiWarnings{to: f.streams.ErrOut, seen: map[string]bool{}}).HandleWarningHeader(299, "", hostile)
		},
		"a warning": func(f *factory) {
			_ = progress.PrintWarnings(f.streams.ErrOut, []client.VertexWarning{hostileWarning()})
		},
		"a notice": func(f *factory) { f.notify(driver.Notice{Text: hostile}) },
		"doctor": func(f *factory) {
			_ = checkup.NewPrinter(f.streams.Out, nil, false).Print(checkup.Result{Name: hostile, Message: hostile, Remedy: hostile})
		},
		"an answer":         func(f *factory) { printHostileAnswer(f, "outline", false) },
		"an answer in JSON": func(f *factory) { printHostileAnswer(f, "outline", true) },
		"a table":           func(f *factory) { printFormatted(f, answer, "") },
		"names":             func(f *factory) { printFormatted(f, answer, "name") },
		"columns":           func(f *factory) { printFormatted(f, answer, "custom-columns=N:.metadata.name") },
		"cache records": func(f *factory) {
			_ = view.PrintRecords(f.streams.Out, []buildcache.Record{{ID: hostile, Member: hostile, Type: hostile, Description: hostile}}, now)
		},
		"cache totals": func(f *factory) {
			_ = view.Cache{Members: []string{hostile, "b"}, Records: []buildcache.Record{{Type: hostile, Member: hostile}}}.PrintTotals(f.streams.Out)
		},
		"a completion": func(f *factory) {
			complete := completion.Completer(func(context.Context, completion.Query) []string {
				return []string{hostile + "\t" + hostile, "app\t" + hostile}
			})
			words, _ := complete.Words(context.Background(), completion.Query{})
			_, _ = io.WriteString(f.streams.Out, strings.Join(words, "\n")+"\n")
		},
		"a warning of ours": func(f *factory) { f.notify(driver.Notice{Text: hostile, Warning: true, Err: errors.New(hostile)}) },
		"progress, plain":   func(f *factory) { drawHostile(f, progress.Plain) },
		"progress, quiet":   func(f *factory) { drawHostile(f, progress.Quiet) },
	}
}

func noLines(text string) string { return strings.ReplaceAll(text, "\n", "") }

func hostileWarning() client.VertexWarning {
	return client.VertexWarning{
		Vertex: digest.FromString("x"), Short: []byte(hostile), URL: hostile, Detail: [][]byte{[]byte(hostile)}, SourceInfo: &pb.SourceInfo{Filename: hostile},
	}
}

func printHostileAnswer(f *factory, name string, asJSON bool) {
	text, _ := json.Marshal(hostile)
	built := result.New("", "", map[string]string{"result.txt": noLines(hostile), "result.json": string(text)})
	_ = f.printAnswer(built, &request.Evaluation{Name: name, JSON: asJSON, IgnoreStatus: true})
}

func printFormatted(f *factory, answer output.Answer, as string) {
	format, flags := output.Format{}, pflag.NewFlagSet("", pflag.ContinueOnError)
	format.Register(flags)
	_ = flags.Set("output", as)
	_ = format.Print(f.streams.Results(), answer)
}

// drawHostile shows a build of which everything but the line breaks of its log is hostile.
func drawHostile(f *factory, mode progress.Mode) {
	display, err := progress.New(context.Background(), f.streams.Raw.ErrOut, mode, progress.Options{Phrase: hostile, Name: hostile, Warnings: true})
	if err != nil {
		panic(err)
	}
	id, now, warning := digest.FromString("x"), time.Now(), hostileWarning()
	statuses := display.Attach()
	statuses <- &client.SolveStatus{
		Vertexes: []*client.Vertex{{Digest: id, Name: hostile, Started: &now}},
		Statuses: []*client.VertexStatus{{ID: hostile, Name: hostile, Vertex: id, Started: &now, Timestamp: now}},
		Warnings: []*client.VertexWarning{&warning},
		Logs: []*client.VertexLog{
			{Vertex: id, Data: []byte(strings.ReplaceAll(noLines(hostile), "\r", "") + "\x1b]0;ow")}, {Vertex: id, Data: []byte("ned\x07\n")},
		},
	}
	statuses <- &client.SolveStatus{Vertexes: []*client.Vertex{{Digest: id, Name: hostile, Started: &now, Completed: &now, Error: hostile}}}
	close(statuses)
	_, _ = display.Close()
	if mode == progress.Quiet {
		display.PrintFailed(f.streams.ErrOut)
	}
}

// Nothing that others have written controls the terminal, is a line of its own or shows a password.
func TestTextFromOutsideIsData(t *testing.T) {
	colors := regexp.MustCompile(`\x1b\[[0-9;]*m`)
	forged := regexp.MustCompile(`(?m)^(error|next): `)
	for name, print := range printingPlaces() {
		t.Run(name, func(t *testing.T) {
			streams, _, out, errOut := genericiooptions.NewTestIOStreams()
			f := newFactory(streams, noEnv)
			print(f)
			_ = f.streams.Flush()
			text := out.String() + errOut.String()
			if !strings.Contains(text, "app") && !strings.Contains(text, "ppa") {
				t.Fatalf("nothing was printed: %q", text)
			}
			if strings.Contains(text, "hunter2") && name != "an answer in JSON" {
				t.Errorf("a password is shown: %q", text)
			}
			if strings.HasPrefix(name, "progress") {
				text = colors.ReplaceAllString(text, "")
			}
			if at := strings.IndexFunc(text, controls); at >= 0 && name != "an answer in JSON" {
				t.Errorf("%q at %d in %q", text[at:at+1], at, text)
			}
			allowed := map[string]int{"an error": 2}[name]
			if name == "a connection" {
				allowed = 0
			}
			if found := forged.FindAllString(text, -1); len(found) > allowed {
				t.Errorf("forged lines: %q", text)
			}
		})
	}
}

func controls(r rune) bool {
	return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x202e || r == '\uFFFD'
}

// A row stays one row.
func TestRowsCannotBeForged(t *testing.T) {
	for name, want := range map[string]int{"history list": 2, "list": 2, "list, no answer": 1, "info": 13, "history stats": 6, "a table": 2, "names": 1, "columns": 2, "a notice": 1, "a completion": 1, "the API's warnings": 1, "a warning of ours": 1} {
		streams, _, out, errOut := genericiooptions.NewTestIOStreams()
		printingPlaces()[name](newFactory(streams, noEnv))
		if got := strings.Count(out.String()+errOut.String(), "\n"); got != want {
			t.Errorf("%s has %d lines, want %d: %q", name, got, want, out.String()+errOut.String())
		}
	}
}

// What a program asked for arrives byte for byte.
func TestResultsForProgramsAreExact(t *testing.T) {
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	f := newFactory(streams, noEnv)
	if _, err := f.streams.Results().Write([]byte(hostile)); err != nil || out.String() != hostile {
		t.Errorf("got %q, %v", out.String(), err)
	}
	out.Reset()
	record := driver.Record{Record: history.Record{Ref: "abc", Name: hostile}}
	if err := view.PrintLines(f.streams.Results(), []driver.Record{record}); err != nil {
		t.Fatal(err)
	}
	var line struct{ Name string }
	if err := json.Unmarshal(bytes.TrimSpace(out.Bytes()), &line); err != nil || line.Name != strings.ToValidUTF8(hostile, "\uFFFD") {
		t.Errorf("got %q, %v", line.Name, err)
	}
}
