package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// guidePrelude stops a guide at the first command that fails, and says which. fails ends a block that must fail.
const guidePrelude = `set -eEuo pipefail
trap 'echo "${BASH_SOURCE##*/}:$LINENO: exit code $?" >&2' ERR
fails() {
  if [ "$1" != "$2" ]; then
    echo "exit code $1, but the guide says $2" >&2
    exit 1
  fi
  set -e
}
`

// script is what a guide says to do. Its lines have the numbers of the guide's, so that the shell's messages lead there.
type script struct {
	lines  []string
	run    int      // blocks and rows of tables
	notRun []string // "LINE: reason"
}

// directive is what a comment before a block or a table says of it.
type directive struct{ verb, value string }

// scriptOf reads the blocks marked sh and console, and the tables. A comment before one may say:
//
//	<!-- fails: CODE -->     its last command must end with that exit code
//	<!-- not run: REASON --> it cannot be run here
//	<!-- run -->             the last cell of the table's rows holds commands of kubectl: run them
//
// It is an error when a command stands where it would not be run.
func scriptOf(text string) (script, error) {
	var s script
	var said directive
	fence := ""
	for number, line := range strings.Split(text, "\n") {
		number++
		out := ""
		switch opening := strings.HasPrefix(line, "```"); {
		case fence == "" && opening:
			fence = strings.TrimPrefix(line, "```")
			if fence == "" {
				fence = "text"
			}
			out = s.begin(number, fence, said)
		case opening:
			if shell(fence) && said.verb == "fails" {
				out = "fails $? " + said.value
			}
			fence, said = "", directive{}
		case fence != "":
			var err error
			if out, err = command(line, fence, said); err != nil {
				return s, fmt.Errorf("line %d: %w", number, err)
			}
		case strings.HasPrefix(line, "|"):
			var err error
			if out, err = s.row(number, line, said); err != nil {
				return s, err
			}
		case comment.MatchString(line):
			match := comment.FindStringSubmatch(line)
			said = directive{match[1], strings.TrimPrefix(match[2], ": ")}
		case strings.TrimSpace(line) != "":
			said = directive{}
		}
		s.lines = append(s.lines, out)
	}
	return s, nil
}

var (
	comment = regexp.MustCompile(`^<!-- (fails|not run|run)(: .+)? -->$`)
	code    = regexp.MustCompile("`([^`]+)`")
)

func shell(fence string) bool { return slices.Contains([]string{"sh", "console"}, fence) }

func (s *script) begin(number int, fence string, said directive) string {
	switch {
	case !shell(fence):
	case said.verb == "not run":
		s.skip(number, said)
	case said.verb == "fails":
		s.run++
		return "set +e"
	default:
		s.run++
	}
	return ""
}

// skip notes once a block or a table why it is not run.
func (s *script) skip(number int, said directive) {
	if last := len(s.notRun) - 1; last < 0 || !strings.HasSuffix(s.notRun[last], ": "+said.value) {
		s.notRun = append(s.notRun, fmt.Sprintf("%d: not run: %s", number, said.value))
	}
}

// command is what a line of a block says to the shell.
func command(line, fence string, said directive) (string, error) {
	switch {
	case !shell(fence):
		if strings.HasPrefix(line, "kubectl ") || strings.HasPrefix(line, "$ ") {
			return "", fmt.Errorf("a command in a block marked %q, which is not run", fence)
		}
		return "", nil
	case said.verb == "not run":
		return "", nil
	case fence == "sh":
		return line, nil
	}
	typed, _ := strings.CutPrefix(line, "$ ")
	if typed == line {
		return "", nil // what it prints
	}
	return typed, nil
}

// row is a table's line: the plugin's commands in its last cell are run if the table is marked.
func (s *script) row(number int, line string, said directive) (string, error) {
	var commands []string
	cells := strings.Split(strings.ReplaceAll(strings.TrimRight(line, "| "), `\|`, "\x00"), "|")
	for _, span := range code.FindAllStringSubmatch(cells[len(cells)-1], -1) {
		if strings.HasPrefix(span[1], "kubectl ") {
			commands = append(commands, strings.ReplaceAll(span[1], "\x00", "|"))
		}
	}
	switch {
	case len(commands) == 0:
		return "", nil
	case said.verb == "run":
		s.run++
		return strings.Join(commands, " && "), nil
	case said.verb == "not run":
		s.skip(number, said)
		return "", nil
	}
	return "", fmt.Errorf("line %d: a table with commands says neither that it is run nor why not", number)
}

func TestGuideScripts(t *testing.T) {
	guide := strings.Join([]string{
		"# Guide", "```sh", "kubectl a", "```", "", "<!-- fails: 4 -->", "```console", "$ kubectl b", "printed", "```", "<!-- not run: no docker -->",
		"```sh", "docker c", "```", "text", "```yaml", "kind: Pod", "```", "<!-- run -->", "| a | b |", "|---|---|", "| `docker d` | `kubectl e \\| cat` |",
	}, "\n")
	s, err := scriptOf(guide)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{2: "kubectl a", 6: "set +e", 7: "kubectl b", 9: "fails $? 4", 21: "kubectl e | cat"}
	if !slices.Equal(s.lines, append(want, make([]string, len(s.lines)-len(want))...)) {
		t.Errorf("lines: %q", s.lines)
	}
	if s.run != 3 || !slices.Equal(s.notRun, []string{"12: not run: no docker"}) {
		t.Errorf("%d run, not run: %q", s.run, s.notRun)
	}
	for _, hidden := range []string{"```text\nkubectl a\n```", "```\n$ ls\n```", "| `kubectl a` |"} {
		if _, err := scriptOf(hidden); err == nil {
			t.Errorf("%q would not be run", hidden)
		}
	}
}
