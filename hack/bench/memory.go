package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// weighEvery is how often the processes of a command are looked at.
const weighEvery = 100 * time.Millisecond

// weigh looks at a process and all that it has started until stop is closed, and returns the most memory, in bytes, that
// they had resident together: buildctl brings a kubectl along, which the user's machine has to hold as well.
func weigh(pid int, stop <-chan struct{}) int64 {
	ticker := time.NewTicker(weighEvery)
	defer ticker.Stop()
	most := int64(0)
	for {
		select {
		case <-stop:
			return most
		case <-ticker.C:
			most = max(most, family(pid))
		}
	}
}

// family is the resident memory of a process and its descendants. One that ends meanwhile counts nothing.
func family(root int) int64 {
	children, resident := map[int][]int{}, map[int]int64{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		// proc(5): after the name in parentheses come the state (3rd field), the parent (4th) … and the resident pages (24th).
		_, after, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		fields := strings.Fields(after)
		if len(fields) < 22 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		pages, _ := strconv.ParseInt(fields[21], 10, 64)
		children[parent] = append(children[parent], pid)
		resident[pid] = pages * int64(os.Getpagesize())
	}
	sum := int64(0)
	for next := []int{root}; len(next) > 0; next = next[1:] {
		sum += resident[next[0]]
		next = append(next, children[next[0]]...)
	}
	return sum
}
