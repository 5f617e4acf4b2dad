package report

import "slices"

// handover is the maximum time, in milliseconds, between the end of a step and the
// start of the step that waited for it.
const handover = 25

// criticalPath returns the steps that the build waited for: from its last step, or
// from the failed one if that is not negative, back to the step that had to end
// before each. The daemon does not report for which step another one waited: it is
// assumed to be the input that ended last, or if no input ended just before, e.g.
// of a step without inputs, any step that did.
//
// The steps on the path are marked, with their time on it.
func criticalPath(steps []Step, failed int) []Segment {
	var path []Segment
	ends := everyStep(steps)
	if failed >= 0 {
		ends = []int{failed}
	}
	last, found := latest(steps, ends, -1)
	for found {
		path = append(path, last)
		steps[last.Step].OnPath = true
		steps[last.Step].Critical += last.To - last.From
		before := last.From
		next, waited := latest(steps, inputsOf(steps, last.Step), before)
		if !waited || before-next.To > handover {
			if other, ok := latest(steps, everyStep(steps), before); ok && (!waited || other.To > next.To) {
				next, waited = other, true
			}
		}
		if waited && (next.From >= last.From || next.To > before) {
			break // no progress: spans without length at the same moment
		}
		last, found = next, waited
	}
	slices.Reverse(path)
	return path
}

// latest returns the last span to end among those of the candidates, and before
// that time unless it is negative.
func latest(steps []Step, candidates []int, before int64) (Segment, bool) {
	best, found := Segment{}, false
	for _, i := range candidates {
		for _, span := range steps[i].Spans {
			if before >= 0 && (span.From >= before || span.To > before) {
				continue
			}
			longer := span.To == best.To && span.From < best.From
			if !found || span.To > best.To || longer {
				best, found = Segment{Step: i, Span: span}, true
			}
		}
	}
	return best, found
}

func everyStep(steps []Step) []int {
	all := make([]int, len(steps))
	for i := range all {
		all[i] = i
	}
	return all
}

// inputsOf returns the inputs of the step; those of inputs that took no time, e.g.
// cached ones, are included.
func inputsOf(steps []Step, of int) []int {
	var needed []int
	pending, seen := slices.Clone(steps[of].Inputs), map[int]bool{of: true}
	for len(pending) > 0 {
		i := pending[0]
		pending = pending[1:]
		if seen[i] {
			continue
		}
		seen[i] = true
		needed = append(needed, i)
		if busy(steps[i]) == 0 {
			pending = append(pending, steps[i].Inputs...)
		}
	}
	return needed
}

func busy(step Step) int64 {
	total := int64(0)
	for _, span := range step.Spans {
		total += span.To - span.From
	}
	return total
}
