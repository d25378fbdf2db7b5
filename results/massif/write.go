// SPDX-License-Identifier: Apache-2.0

package massif

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// every is which snapshots carry a tree beside the peak and the last one:
// massif's default.
const every = 10

// rootLabel is what massif calls the root.
const rootLabel = "(heap allocation functions) malloc/new/new[], --alloc-fns, etc."

// Write writes the curve of h. command is what the target was started with. What
// the allocator adds to the blocks is not in the curve, so mem_heap_extra_B is 0.
func Write(w io.Writer, h *results.Heap, command []string) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "desc: written by ipcprobe; blocks and pages since the heap phase began\ncmd: %s\ntime_unit: ms\n", clean(strings.Join(command, " ")))
	moments := withSites(h.Moments)
	peak := largest(moments)
	for i := range moments {
		m := &moments[i]
		root := tree(m, h.All)
		root.label = rootLabel
		fmt.Fprintf(out, "#-----------\nsnapshot=%d\n#-----------\ntime=%d\nmem_heap_B=%d\nmem_heap_extra_B=0\nmem_stacks_B=0\n",
			i, time.Duration(m.At).Milliseconds(), root.bytes)
		switch {
		case i == peak:
			fmt.Fprintln(out, "heap_tree=peak")
			root.write(out, 0, root.bytes)
		case i%every == every-1 || i == len(moments)-1:
			fmt.Fprintln(out, "heap_tree=detailed")
			root.write(out, 0, root.bytes)
		default:
			fmt.Fprintln(out, "heap_tree=empty")
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write massif.out: %w", err)
	}
	return nil
}

// withSites are the moments at which it is known who held what; the first is the
// begin, at which nothing was held.
func withSites(all []results.HeapMoment) []results.HeapMoment {
	moments := []results.HeapMoment{{}}
	for i := range all {
		if all[i].Sites != nil || all[i].LiveBytes == 0 && all[i].MappedBytes == 0 {
			moments = append(moments, all[i])
		}
	}
	return moments
}

// largest is the index of the snapshot that holds most.
func largest(moments []results.HeapMoment) int {
	peak, most := 0, int64(-1)
	for i := range moments {
		var sum int64
		for _, held := range moments[i].Sites {
			sum += max(0, held.Bytes)
		}
		if sum > most {
			peak, most = i, sum
		}
	}
	return peak
}
