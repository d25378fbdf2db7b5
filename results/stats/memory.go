// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"slices"
	"sort"

	"github.com/ipcprobe/ipcprobe/results"
)

// curvePoints is how many points a curve in result.json has at most.
const curvePoints = 240

// Memory makes the memory part of a result of what was seen. counts are the
// answered requests over time, in order; of a target that nobody loaded there are
// none. The curve has all looks: Thinned makes it short.
func Memory(record *results.MemoryRecord, counts []results.RequestCount) *results.Memory {
	if len(record.Looks) == 0 {
		return nil
	}
	first, last := record.Looks[0], record.Looks[len(record.Looks)-1]
	m := &results.Memory{
		RSSBaselineBytes: first.RSS, RSSFinalBytes: last.RSS, Source: first.Source,
		Settled: record.Settled, SettleNs: record.SettleNs,
		Baseline: partsOf(&first), Final: partsOf(&last),
		Curve: make([]results.MemoryPoint, len(record.Looks)),
	}
	largest := first
	for i, look := range record.Looks {
		m.Curve[i] = results.MemoryPoint{AtNs: look.At - first.At, Requests: answeredAt(counts, look.At), RSSBytes: look.RSS}
		if look.RSS > largest.RSS {
			largest = look
		}
		if p := partsOf(&look); p != nil && (m.Largest == nil || p.RSSBytes > m.Largest.RSSBytes) {
			m.Largest = p
		}
	}
	m.RSSPeakBytes, m.PeakSource = largest.RSS, largest.Source
	if record.Glanced > m.RSSPeakBytes {
		m.RSSPeakBytes, m.PeakSource = record.Glanced, "status"
	}
	// VmHWM is of the process's whole life. Only one that grew is of this run.
	if last.Peak > first.Peak && last.Peak > m.RSSPeakBytes {
		m.RSSPeakBytes, m.PeakSource = last.Peak, "VmHWM"
	}
	if last.Peak > 0 { // the kernel's own count may be some pages behind a look's
		m.LifePeak = max(last.Peak, m.RSSPeakBytes)
	}
	m.EarlierPeak = last.Peak == first.Peak && last.Peak > m.RSSPeakBytes
	faults(m, record.Looks, counts)
	return m
}

// partsOf is nil where the kernel didn't tell them all.
func partsOf(look *results.MemoryLook) *results.MemoryParts {
	if look.PSS < 0 || look.Anon < 0 || look.File < 0 {
		return nil
	}
	return &results.MemoryParts{RSSBytes: look.RSS, PSSBytes: look.PSS, AnonBytes: look.Anon, FileBytes: look.File}
}

// faults counts page faults from the first look under load to the last: those
// of the kernel on the target's behalf are in there, too.
func faults(m *results.Memory, looks []results.MemoryLook, counts []results.RequestCount) {
	if len(counts) < 2 {
		return
	}
	begin, end := counts[0], counts[len(counts)-1]
	var from, to *results.MemoryLook
	for i := range looks {
		look := &looks[i]
		if look.Minor < 0 || look.At < begin.At || look.At > end.At {
			continue
		}
		if from == nil {
			from = look
		}
		to = look
	}
	if from == nil || from == to {
		return
	}
	m.MajorFaults = max(0, to.Major-from.Major)
	if n := answeredAt(counts, to.At) - answeredAt(counts, from.At); n > 0 {
		per := float64(to.Minor-from.Minor+m.MajorFaults) / float64(n)
		m.FaultsPerRequest = &per
	}
}

// answeredAt is how many requests had been answered at a moment: between two
// counts on the straight line.
func answeredAt(counts []results.RequestCount, at int64) int64 {
	i := sort.Search(len(counts), func(i int) bool { return counts[i].At >= at })
	switch {
	case len(counts) == 0:
		return 0
	case i == 0:
		return counts[0].Count
	case i == len(counts):
		return counts[i-1].Count
	}
	a, b := counts[i-1], counts[i]
	part := float64(at-a.At) / float64(b.At-a.At)
	return a.Count + int64(part*float64(b.Count-a.Count))
}

// Thinned is a curve of at most some hundred points. The first and the last stay;
// of the others the one with the largest RSS stands for its neighbours.
func Thinned(curve []results.MemoryPoint) []results.MemoryPoint {
	if len(curve) <= curvePoints {
		return curve
	}
	out := []results.MemoryPoint{curve[0]}
	inner, groups := curve[1:len(curve)-1], curvePoints-2
	for g := range groups {
		group := inner[g*len(inner)/groups : (g+1)*len(inner)/groups]
		out = append(out, slices.MaxFunc(group, func(a, b results.MemoryPoint) int { return int(a.RSSBytes - b.RSSBytes) }))
	}
	return append(out, curve[len(curve)-1])
}
