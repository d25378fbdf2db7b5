// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"cmp"
	"slices"
)

// entry is a function's range of addresses. Size 0 means up to the next entry.
type entry struct {
	start, size uint64
	name        string
	object      string // for kernel symbols: the module, or "bpf"
}

// table answers which function an address lies in.
type table []entry

// sorted puts entries in order. Of aliases at one address the first in the
// order of preference given stays.
func sorted(entries []entry) table {
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.start, b.start) })
	return slices.CompactFunc(entries, func(a, b entry) bool { return a.start == b.start })
}

// find returns the entry that address lies in.
func (t table) find(address uint64) (entry, bool) {
	i, exact := slices.BinarySearchFunc(t, address, func(e entry, a uint64) int { return cmp.Compare(e.start, a) })
	if !exact {
		i--
	}
	if i < 0 {
		return entry{}, false
	}
	e := t[i]
	if e.size > 0 && address-e.start >= e.size {
		return entry{}, false
	}
	return e, true
}
