// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ipcprobe/ipcprobe/results"

// copiesSection says what the target's CPU time went to, and what could be won at
// most if copies or calls vanished.
func copiesSection(r *results.Result) section {
	c := r.Copies
	s := section{title: "What copies and calls cost", remark: remark(r)}
	s.blocks = []block{costTable(r)}
	if c.BytesPerRequest != nil {
		s.blocks = append(s.blocks, paragraph{note: true, text: say("Copied by the kernel: " + bytesize(*c.BytesPerRequest) +
			" a request, in " + each(c.CallsPerRequest) + " calls. " + userBytes(c) + count(c.Samples) + " samples, ours left out.")})
	}
	s.blocks = append(s.blocks, paragraph{text: headroomText(c)}, paragraph{text: adviceText(c)})
	return s
}

// userBytes says what is known of the bytes that the server copies itself, which
// nothing counts.
func userBytes(c *results.Copies) string {
	ends := c.UserBytesInterval
	switch {
	case ends == nil:
		return "How many bytes the server copies itself is not known: nothing counts them. "
	case c.UserCopyPct == 0:
		return "By the server itself: no copy was seen, which leaves room for " + bytesize(ends[1]) + ". "
	case c.UserBytesPerRequest == nil:
		return "By the server itself: at most " + bytesize(ends[1]) +
			", what its time in copies would move at this machine’s fastest; there is too little for an estimate. "
	}
	return "By the server itself: about " + bytesize(*c.UserBytesPerRequest) + ", an estimate from its time in copies at the speed of the kernel’s (" +
		bytesize(ends[0]) + " to " + bytesize(ends[1]) + "). "
}

// costTable divides the samples by what they were spent on.
func costTable(r *results.Result) table {
	c := r.Copies
	t := table{columns: []col{{title: "CPU time spent on", flexible: true}, {title: "share", right: true},
		{title: "95" + string(nbsp) + "% interval", right: true, dispensable: 1}}}
	each := r.CPU != nil && r.CPU.NsPerRequest > 0
	if each {
		t.columns = append(t.columns, col{title: "a request", right: true, dispensable: 2})
	}
	for _, line := range []struct {
		what string
		pct  float64
		ends *[2]float64
	}{
		{"kernel copies, send and receive", c.KernelCopyPct, c.KernelCopyInterval},
		{"user copies, memcpy and its like", c.UserCopyPct, c.UserCopyInterval},
		{"pages that hold the copies", c.BufferPct, nil},
		{"allocation", c.AllocationPct, nil},
		{"parsing, by the functions’ names", c.ParsingPct, nil},
		{"entering and leaving the kernel", c.SyscallEntryPct, nil},
		{"waking others, going to sleep", c.WakeUpPct, nil},
		{"other work of the calls", c.CallWorkPct, nil},
		{"the rest", c.OtherPct, nil},
	} {
		ends := ""
		if line.ends != nil {
			_, lo, hi := interval(line.pct, *line.ends, 1)
			ends = unit(lo+string(nbsp)+"–"+string(nbsp)+hi, "%")
		}
		cells := row(line.what, rough(line.pct), ends)
		if each {
			cells = append(cells, say(duration(line.pct/100*r.CPU.NsPerRequest)))
		}
		t.rows = append(t.rows, cells)
	}
	return t
}

// headroomText words the bounds. They are what a rewrite can't beat.
func headroomText(c *results.Copies) text {
	t := say("Upper bounds, not promises. If every copy vanished, the same CPU time would serve at most ").
		and(in(strong, more(c.ZeroCopyHeadroomPct))).with(". ")
	if len(c.Batching) > 0 {
		t = t.with("If system calls were made together, ")
		for i, b := range c.Batching {
			if i > 0 {
				t = t.with(", ")
			}
			t = t.with(count(int64(b.Calls)) + " to one: " + growth(b.HeadroomPct))
		}
		t = t.with("; ")
	} else {
		t = t.with("If system calls were made together, ")
	}
	return t.with("if what a call costs beside its bytes vanished altogether, at most ").
		and(in(strong, more(c.BatchingHeadroomPct))).with(".")
}

// more words an increase of what the same CPU time serves.
func more(pct float64) string {
	if pct >= 900 {
		return significant(1+pct/100) + string(nbsp) + "times the requests"
	}
	return rough(pct) + " more requests"
}

func growth(pct float64) string {
	if pct >= 900 {
		return "×" + string(nbsp) + significant(1+pct/100)
	}
	return "+" + string(nbsp) + rough(pct)
}

// adviceText says which of the two deserves a look.
func adviceText(c *results.Copies) text {
	switch c.Advice {
	case results.AdviseCopies:
		return in(strong, "Copying is the larger cost").with(": a design with fewer copies can win more than one with fewer calls.")
	case results.AdviseCalls:
		return in(strong, "Calls are the larger cost").with(": making several at once can win more than avoiding copies.")
	case results.AdviseBoth:
		return in(strong, "Copies and calls cost alike").with(", as far as " + count(c.Samples) + " samples tell.")
	}
	return in(strong, "Neither is worth a rewrite").with(": the CPU time goes elsewhere.")
}
