// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// heapSection says what the heap phase saw: what a request asks for, what is
// held, who asked.
func heapSection(r *results.Result) section {
	h := r.Memory.Heap
	s := section{title: "Heap"}
	if h.Partial != "" {
		s.remark = "until it ended early"
	}
	list := facts{
		{"a request", say(each(h.AllocsPerRequest) + " allocations, " + each(h.FreesPerRequest) + " frees, " + bytesize(h.BytesPerRequest) + " asked for")},
		{"held", held(h)},
	}
	if h.OlderFrees > 0 {
		list = append(list, fact{"older", say(count(h.OlderFrees) + " blocks from before were freed")})
	}
	if h.MappedBytes != 0 {
		list = append(list, fact{"mapped", say(bytesize(float64(h.MappedBytes)) + " of pages by the program itself")})
	}
	if h.GrownBytes != nil && *h.GrownBytes != 0 {
		list = append(list, fact{"allocator", say("its address space changed by " + bytesize(float64(*h.GrownBytes)))})
	}
	if mid, ok := median(h.Sizes); ok {
		list = append(list, fact{"sizes", say("half of the blocks are below " + bytesize(float64(mid.High)))})
	}
	if mid, ok := median(h.Lifetimes); ok {
		list = append(list, fact{"lifetimes", say("half of the freed blocks " + lived(mid))})
	}
	list = append(list, fact{"phase", phaseText(h)}, fact{"from", name(strings.Join(h.Allocator, ", "))})
	s.blocks = []block{list}
	if len(h.Sites) > 0 {
		s.blocks = append(s.blocks, heapTable(h.Sites))
	}
	if h.CutPct >= 50 {
		s.blocks = append(s.blocks, paragraph{note: true, text: say("Callers are certain; " + percent(h.CutPct) +
			" of the stacks above them end early.")})
	}
	return s
}

// held is what the phase left: its blocks in use.
func held(h *results.Heap) text {
	t := in(strong, bytesize(float64(h.LiveBytes))).with(" in " + count(h.LiveObjects) + " blocks at the end")
	if h.LiveBlockBytes != nil && *h.LiveBlockBytes > 0 {
		t = t.with("; " + bytesize(float64(*h.LiveBlockBytes)) + " with what the allocator adds")
	}
	return t
}

// phaseText says under what load the heap was seen, and what that took.
func phaseText(h *results.Heap) text {
	t := say(count(h.Requests) + " requests in " + elapsed(h.DurationNs) + ", every call followed: bursts of " + significant(h.BurstRPS) +
		" requests/s with rests between, " + significant(h.RateRPS) + " on the whole")
	if c := h.Cost; c != nil {
		t = t.with("; the probes took " + rough(max(0, c.CorePct)) + " of a core, the budget is " + rough(c.BudgetPct))
	}
	return t
}

// median is the bar that the middle of all values lies in.
func median(bars []results.HeapBucket) (results.HeapBucket, bool) {
	var total, sum int64
	for _, b := range bars {
		total += b.Count
	}
	for _, b := range bars {
		if sum += b.Count; 2*sum >= total && total > 0 {
			return b, true
		}
	}
	return results.HeapBucket{}, false
}

func lived(b results.HeapBucket) string {
	if b.High <= 1 {
		return "lived no longer than their request"
	}
	return "lived for less than " + count(b.High) + " requests"
}

func heapTable(sites []results.HeapSite) table {
	t := table{columns: []col{
		{title: "held", right: true}, {title: "blocks", right: true}, {title: "asked for", right: true},
		{title: "calls", right: true, dispensable: 1}, {title: "by", dispensable: 2}, {title: "site", flexible: true},
	}}
	for _, s := range sites {
		site := s.Function
		if !strings.Contains(site, s.Object) {
			site += " (" + s.Object + ")"
		}
		t.rows = append(t.rows, []text{say(bytesize(float64(s.LiveBytes))), say(short(float64(s.LiveObjects))),
			say(bytesize(float64(s.AllocBytes))), say(short(float64(s.Allocs))), name(s.Call), name(site)})
	}
	return t
}
