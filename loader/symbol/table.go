// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"cmp"
	"slices"
	"strings"
)

// entry is a function's range of addresses. Size 0 means up to the next entry.
type entry struct {
	start, size uint64
	name        string
	object      string // for kernel symbols: the module, or "bpf"
	rank        uint8  // of names for one address, the least is kept
}

// table answers which function an address lies in.
type table []entry

// nested is how many entries before the nearest are asked for an address that
// the nearest does not reach.
const nested = 16

// sorted puts entries in order. Of aliases at one address a public one stays, then
// the one with the fewest underscores before it, of the least rank, the shortest,
// the first.
func sorted(entries []entry) table {
	slices.SortStableFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(unsized(a), unsized(b)),
			cmp.Compare(a.rank/local, b.rank/local), cmp.Compare(underscores(a.name), underscores(b.name)),
			cmp.Compare(a.rank, b.rank), cmp.Compare(len(a.name), len(b.name)))
	})
	return slices.CompactFunc(entries, func(a, b entry) bool { return a.start == b.start })
}

// unsized puts a name that says where it ends before one that does not.
func unsized(e entry) int {
	if e.size == 0 {
		return 1
	}
	return 0
}

func underscores(name string) int { return len(name) - len(strings.TrimLeft(name, "_")) }

// find returns the entry that address lies in.
func (t table) find(address uint64) (entry, bool) {
	i, exact := slices.BinarySearchFunc(t, address, func(e entry, a uint64) int { return cmp.Compare(e.start, a) })
	if !exact {
		i--
	}
	for n := 0; i >= 0 && n < nested; i, n = i-1, n+1 {
		e := t[i]
		if e.size == 0 && n == 0 || address-e.start < e.size {
			return e, true
		}
	}
	return entry{}, false
}
