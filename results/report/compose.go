// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ipcprobe/ipcprobe/results"

// compose makes the document of a measurement: the sections in the order in
// which a reader asks for them.
func compose(r *results.Result) document {
	if r.Traffic != nil {
		return composeTraffic(r)
	}
	sections := []section{
		verdictSection(r),
		throughputSection(r),
		latencySection(r),
		legsSection(r),
		syscallSection(r),
	}
	if r.Upstream != nil {
		sections = append(sections, upstreamSection(r))
	}
	sections = append(sections, cpuSection(r))
	if r.Copies != nil {
		sections = append(sections, copiesSection(r))
	}
	sections = append(sections, memorySection(r))
	if r.Memory != nil && r.Memory.Heap != nil {
		sections = append(sections, heapSection(r))
	}
	return document{sections: append(sections,
		overheadSection(r),
		lossSection(r),
		warningSection(r),
	)}
}

// withheld reports whether the client's figures are not shown at all: the
// measurement is invalid, and not because the target ended. A run that its user
// broke off is valid, unless something else is wrong with it.
func withheld(r *results.Result) bool {
	return !r.Valid && !(r.Run.Partial && r.Target.Ended != "")
}

// remark marks the figures of a run that ended before its time, and those of an
// invalid one.
func remark(r *results.Result) string {
	switch {
	case withheld(r):
		return "of an invalid measurement"
	case !r.Run.Partial:
		return ""
	}
	return "until the run broke off at " + elapsed(r.Run.DurationNs)
}

// absent says of a part that it was not measured, and why where that is known.
func absent(reason string) paragraph {
	if reason == "" {
		return paragraph{text: in(faint, "Not measured.")}
	}
	return paragraph{text: in(faint, "Not measured: "+reason+".")}
}

// unprobed is the reason for the absence of anything that the kernel sees.
func unprobed(r *results.Result) string {
	if !hasSlices(r, results.Probed) {
		return "no slice of the run was probed"
	}
	return explained(r)
}

// explained points to the warnings, where there are any.
func explained(r *results.Result) string {
	if len(r.Warnings) > 0 {
		return "see the warnings"
	}
	return ""
}

func hasSlices(r *results.Result, mode results.Mode) bool {
	return sliceCount(r, mode) > 0
}

func sliceCount(r *results.Result, mode results.Mode) int {
	n := 0
	for _, s := range r.Run.Slices {
		if s.Mode == mode.String() {
			n++
		}
	}
	return n
}

// unlooked is the time in which nothing was attached to a target with others' load,
// ns: what the slices leave of the run.
func unlooked(r *results.Result) (ns int64) {
	if r.Traffic == nil {
		return 0
	}
	ns = r.Run.DurationNs
	for _, s := range r.Run.Slices {
		ns -= s.DurationNs
	}
	return max(0, ns)
}

func warningSection(r *results.Result) section {
	s := section{title: "Warnings"}
	if len(r.Warnings) == 0 {
		s.blocks = append(s.blocks, paragraph{text: in(faint, "None.")})
		return s
	}
	list := make(items, len(r.Warnings))
	for i, w := range r.Warnings {
		list[i] = in(warned, w)
	}
	s.blocks = append(s.blocks, list)
	return s
}
