package main

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is how busy the machine was, which runs clients, cluster and builds: of all processes, not of ours alone.
type machine struct {
	processors int
	busy       time.Duration // of all processors together
	seconds    float64       // that were measured
	saturated  float64       // the share of seconds in which less than 5% of the processors' time was free
	load       float64       // the mean of the load average
}

// measureMachine looks every second until ctx ends.
func measureMachine(ctx context.Context) machine {
	m := machine{processors: runtime.NumCPU()}
	before, samples, full, start := readProcessors("/proc/stat"), 0, 0, time.Now()
	for ctx.Err() == nil {
		pause(ctx, time.Second)
		now := readProcessors("/proc/stat")
		busy, all := now.busy-before.busy, now.all-before.all
		before = now
		m.busy += busy
		m.load += loadAverage("/proc/loadavg")
		samples++
		if float64(busy) > 0.95*float64(all) {
			full++
		}
	}
	m.seconds = time.Since(start).Seconds()
	m.saturated, m.load = float64(full)/float64(samples), m.load/float64(samples)
	return m
}

// processors is the time of all processors since the start of the machine.
type processors struct{ busy, all time.Duration }

// readProcessors reads a file like /proc/stat, proc(5): the first line has hundredths of seconds in user mode, nice, system,
// idle, waiting for input and output, interrupts and software interrupts, and stolen; guests are part of user mode.
func readProcessors(path string) processors {
	text, _ := os.ReadFile(path) // on other systems there is none, and nothing is measured
	line, _, _ := strings.Cut(string(text), "\n")
	var p processors
	for i, field := range strings.Fields(line) {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil || i > 8 {
			continue
		}
		took := time.Duration(ticks) * 10 * time.Millisecond
		p.all += took
		if i != 4 && i != 5 {
			p.busy += took
		}
	}
	return p
}

func loadAverage(path string) float64 {
	text, _ := os.ReadFile(path)
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}
