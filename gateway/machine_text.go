// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Ticks is the first line of /proc/stat, in clock ticks of all CPUs together.
type Ticks struct {
	Total uint64 // everything, idle time too
	Idle  uint64 // idle and waiting for a disk
	Steal uint64 // the hypervisor ran something else
}

// StealPct is the share of the CPUs' time between two readings that the
// hypervisor took away, in percent; 0 when no time has passed.
func StealPct(before, after Ticks) float64 {
	if after.Total <= before.Total || after.Steal < before.Steal {
		return 0
	}
	return 100 * float64(after.Steal-before.Steal) / float64(after.Total-before.Total)
}

// parseTicks reads /proc/stat. The times of guests are within user and nice
// and not added again.
func parseTicks(text []byte) (Ticks, error) {
	const idle, iowait, steal, fields = 3, 4, 7, 8
	rest, ok := bytes.CutPrefix(text, []byte("cpu "))
	if !ok {
		return Ticks{}, errors.New("parse /proc/stat: it does not begin with the line of all CPUs")
	}
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	var t Ticks
	for i := range fields {
		var word []byte
		word, rest = nextWord(rest)
		v, ok := decimal(word)
		if !ok || v > 1<<59 {
			return Ticks{}, errors.New("parse /proc/stat: fewer than eight times of all CPUs")
		}
		t.Total += v
		switch i {
		case idle, iowait:
			t.Idle += v
		case steal:
			t.Steal = v
		}
	}
	return t, nil
}

// cpuModel finds the processor's name in /proc/cpuinfo: a name on x86, numbers
// of implementer and part on ARM; empty when it has neither.
func cpuModel(info []byte) string {
	for _, key := range []string{"model name", "Model", "cpu model", "uarch"} {
		if name, ok := fieldOf(info, key); ok && len(name) > 0 {
			return strings.Join(strings.Fields(string(name)), " ")
		}
	}
	implementer, ok := fieldOf(info, "CPU implementer")
	part, partOK := fieldOf(info, "CPU part")
	if !ok || !partOK {
		return ""
	}
	return "implementer " + string(implementer) + ", part " + string(part)
}

// hypervisorFlag says whether an x86 processor says that it is a guest's.
func hypervisorFlag(info []byte) bool {
	flags, ok := fieldOf(info, "flags")
	return ok && bytes.Contains(append([]byte(" "), append(flags[:len(flags):len(flags)], ' ')...), []byte(" hypervisor "))
}

// lockdownMode reads "[none] integrity confidentiality": the one in brackets.
func lockdownMode(text []byte) string {
	from := bytes.IndexByte(text, '[')
	to := bytes.IndexByte(text, ']')
	if from < 0 || to < from+2 {
		return "unknown"
	}
	return string(text[from+1 : to])
}

// countCPUs counts a list as "0-3,6".
func countCPUs(list string) (int, bool) {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err := strconv.ParseUint(from, 10, 16)
		b, toErr := strconv.ParseUint(to, 10, 16)
		if err != nil || toErr != nil || b < a {
			return 0, false
		}
		n += int(b-a) + 1
	}
	return n, true
}
