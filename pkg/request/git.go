package request

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"time"
)

// gitTimeout is how long git may take for one question. The answers are notes in the provenance, which a build does
// without.
const gitTimeout = 10 * time.Second

// say is the first line that git says, and empty if it fails.
func (c checkout) say(args ...string) string {
	out, err := c.git(args...)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}

// git runs git so that no program runs which the checkout names: it may be anyone's.
func (c checkout) git(args ...string) ([]byte, error) {
	harmless := []string{"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", c.root}
	command := exec.Command(c.program, append(harmless, args...)...)
	var out bytes.Buffer
	command.Stdout = &out
	command.WaitDelay = time.Second // what git has started may hold its output
	if err := command.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(gitTimeout, func() { _ = command.Process.Kill() })
	defer late.Stop()
	err := command.Wait()
	return out.Bytes(), err
}

// isDirty reports whether the checkout differs from its commit. Files whose difference only a program of the checkout
// could tell count as different, and what is in submodules does not count.
func (c checkout) isDirty() bool {
	args, safe := c.withoutFilters()
	if !safe {
		return true
	}
	return c.say(append(args, "status", "--porcelain", "--ignored", "--ignore-submodules=dirty")...) != ""
}

// withoutFilters returns the flags that take the checkout's own filters out of use: git runs them to compare files. Those
// of the user's own configuration stay.
func (c checkout) withoutFilters() (flags []string, safe bool) {
	out, err := c.git("config", "--null", "--show-scope", "--includes", "--get-regexp", `^filter\.`)
	if err != nil {
		return nil, len(out) == 0 && isNoMatch(err)
	}
	entries := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
	for i := 0; i+1 < len(entries); i += 2 {
		if entries[i] != "local" && entries[i] != "worktree" {
			continue
		}
		key, _, _ := strings.Cut(entries[i+1], "\n")
		name := key[:max(0, strings.LastIndex(key, "."))]
		if strings.ContainsAny(name, "=\n") {
			return nil, false
		}
		flags = append(flags, "-c", name+".clean=", "-c", name+".smudge=", "-c", name+".process=", "-c", name+".required=false")
	}
	return flags, true
}

// isNoMatch reports whether git has found no entry of that kind.
func isNoMatch(err error) bool {
	var ended *exec.ExitError
	return errors.As(err, &ended) && ended.ExitCode() == 1
}
