// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// Folded writes one line for each call path: its functions from the thread's
// start to the leaf with semicolons between, a space and the number of samples.
// Kernel functions end in _[k], as flame graph scripts colour them. Lines are
// sorted, and paths that differ only in addresses are one.
func Folded(w io.Writer, stacks []results.Stack) error {
	counts := make(map[string]int64)
	var line strings.Builder
	for i := range stacks {
		s := &stacks[i]
		if s.Samples <= 0 {
			continue
		}
		line.Reset()
		for j := len(s.Frames) - 1; j >= 0; j-- {
			line.WriteString(strings.ReplaceAll(clean(s.Frames[j].Function), ";", ":"))
			if s.Frames[j].Kernel {
				line.WriteString("_[k]")
			}
			if j > 0 {
				line.WriteByte(';')
			}
		}
		if len(s.Frames) == 0 {
			line.WriteString(noStack)
		}
		counts[line.String()] += s.Samples
	}
	out := bufio.NewWriter(w)
	for _, path := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(out, "%s %d\n", path, counts[path])
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write folded stacks: %w", err)
	}
	return nil
}
