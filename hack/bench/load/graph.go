package main

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// The graph has two panels of this size in pixels: what runs and waits on ours over time, and how long builds take.
const (
	panelWidth, panelHeight = 720, 200
	marginLeft, marginTop   = 50, 40
	panelGap                = 70
)

// drawGraph returns an SVG.
func drawGraph(all []figures) []byte {
	var out bytes.Buffer
	height := 2*panelHeight + panelGap + 2*marginTop
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", panelWidth+2*marginLeft, height)
	fmt.Fprintf(&out, `<rect width="100%%" height="100%%" fill="white"/>`+"\n")
	drawLoad(&out, all[0])
	drawTimes(&out, all)
	fmt.Fprintln(&out, "</svg>")
	return out.Bytes()
}

// panel maps values to a part of the graph.
type panel struct {
	out        *bytes.Buffer
	top        int
	maxX, maxY float64
}

func (p panel) x(v float64) float64 { return marginLeft + panelWidth*v/p.maxX }
func (p panel) y(v float64) float64 { return float64(p.top) + panelHeight*(1-v/p.maxY) }

// frame draws the axes, five marks on each, and the title.
func (p panel) frame(title, unitX string) {
	fmt.Fprintf(p.out, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", marginLeft, p.top-22, title)
	for i := range 6 {
		x, y := p.maxX*float64(i)/5, p.maxY*float64(i)/5
		fmt.Fprintf(p.out, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/>`+"\n", marginLeft, marginLeft+panelWidth, p.y(y), p.y(y))
		fmt.Fprintf(p.out, `<text x="%d" y="%.1f" text-anchor="end">%.0f</text>`+"\n", marginLeft-6, p.y(y)+4, y)
		fmt.Fprintf(p.out, `<text x="%.1f" y="%d" text-anchor="middle">%.0f%s</text>`+"\n", p.x(x), p.top+panelHeight+16, x, unitX)
	}
}

// line draws a series and its name, which stands at this place in the row of names.
func (p panel) line(color, name string, place int, points [][2]float64) {
	fmt.Fprintf(p.out, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, color)
	for _, point := range points {
		fmt.Fprintf(p.out, "%.1f,%.1f ", p.x(point[0]), p.y(point[1]))
	}
	fmt.Fprintf(p.out, `"/>`+"\n"+`<text x="%d" y="%d" fill="%s">%s</text>`+"\n", marginLeft+place*170, p.top-6, color, name)
}

// colors are those of the contenders.
func colors() []string { return []string{"#0b62d6", "#d65f0b", "#8a8a8a"} }

// drawLoad draws how many builds of ours run and wait, the places that there are, and the blows.
func drawLoad(out *bytes.Buffer, f figures) {
	var all, running []interval
	end := f.start
	for _, o := range f.outcomes {
		all = append(all, interval{o.began, o.ended})
		if o.ended.After(end) {
			end = o.ended
		}
	}
	for _, a := range f.attempts {
		if !a.began.IsZero() && !a.end().IsZero() {
			running = append(running, interval{a.began, a.end()})
		}
	}
	span := max(end.Sub(f.start).Seconds(), 1)
	most, _ := overlap(all)
	p := panel{out: out, top: marginTop, maxX: span, maxY: float64(max(5, (most+4)/5*5))}
	p.frame("Builds of ours that run and that wait", " s")
	for _, hit := range f.blows {
		x := p.x(hit.at.Seconds())
		fmt.Fprintf(out, `<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#c00" stroke-dasharray="2,3"/>`+"\n", x, x, p.top, p.top+panelHeight)
		fmt.Fprintf(out, `<text x="%.1f" y="%d" fill="#c00" font-size="10">%s</text>`+"\n", x+3, p.top+10, hit.kind)
	}
	if f.limit > 0 {
		places := float64(f.members * f.limit)
		p.line("#444", fmt.Sprintf("%.0f places", places), 2, [][2]float64{{0, places}, {span, places}})
	}
	const samples = 360
	var runs, waits [][2]float64
	for i := range samples + 1 {
		at := span * float64(i) / samples
		moment := f.start.Add(time.Duration(at * float64(time.Second)))
		run := within(running, moment)
		runs, waits = append(runs, [2]float64{at, float64(run)}), append(waits, [2]float64{at, float64(max(0, within(all, moment)-run))})
	}
	p.line(colors()[0], "run", 0, runs)
	p.line(colors()[1], "wait", 1, waits)
}

func within(intervals []interval, moment time.Time) (count int) {
	for _, each := range intervals {
		if !moment.Before(each.from) && moment.Before(each.to) {
			count++
		}
	}
	return count
}

// drawTimes draws the times of the builds in ascending order.
func drawTimes(out *bytes.Buffer, all []figures) {
	longest := 1.0
	for _, f := range all {
		longest = max(longest, quantile(f.took, 1).Seconds())
	}
	p := panel{out: out, top: marginTop + panelHeight + panelGap, maxX: 100, maxY: 5 * float64(int(longest/5)+1)}
	p.frame("Seconds that a build takes: so many percent take no longer", "%")
	for i, f := range all {
		sorted := slices.Sorted(slices.Values(f.took))
		var points [][2]float64
		for n, took := range sorted {
			points = append(points, [2]float64{100 * float64(n+1) / float64(len(sorted)), took.Seconds()})
		}
		p.line(colors()[i], fmt.Sprintf("%s (%d lost)", f.contender, len(f.lost)), i, points)
	}
}
