// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// Coverage says how much of the target's code stacks can be walked through: bytes
// that the unwind tables describe, of all that are mapped executable. Code between
// functions, which aligns them, is not described, so some percent always lack.
func (p *Probes) Coverage() results.Coverage {
	if p.tables == nil {
		return results.Coverage{}
	}
	return p.tables.coverage()
}

func (t *tables) coverage() results.Coverage {
	var c results.Coverage
	lacking := make(map[string]string)
	seen := make(map[*object]bool)
	for _, s := range t.processes {
		for i, m := range s.list {
			if !slices.Contains(s.now, m) {
				continue
			}
			o := s.of[i]
			switch {
			case m.Path == "[vsyscall]" || m.Path == "[uprobes]" || seen[o]:
				continue
			case o == nil:
				c.Bytes += int64(m.End - m.Start)
				lacking[m.Object()] = "no file"
				continue
			case o.table == nil:
				c.Bytes += int64(m.End - m.Start)
			default:
				c.Bytes += int64(o.table.Code)
				if o.fails == 0 {
					c.Covered += int64(o.table.Covered)
				}
			}
			seen[o] = true
			switch {
			case o.err != nil:
				lacking[o.name] = o.err.Error()
			case o.table.Unread > 0:
				lacking[o.name] = fmt.Sprintf("%d functions can't be read: %v", o.table.Unread, o.table.Err)
			case o.table.Covered*2 < o.table.Code:
				lacking[o.name] = fmt.Sprintf("%d %% of its code has one", 100*o.table.Covered/o.table.Code)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(lacking)) {
		c.Lacking = append(c.Lacking, name+" ("+lacking[name]+")")
	}
	return c
}
