// SPDX-License-Identifier: Apache-2.0

//go:build linux

package mapping

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// EndOfBrk is the end of a process's heap segment, from /proc/PID/maps; 0 when
// it has none yet, or can't be read: then growth counts from its first brk on.
func EndOfBrk(pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(bytes.TrimSpace(line), []byte("[heap]")) {
			continue
		}
		_, rest, _ := bytes.Cut(line, []byte("-"))
		end, _, _ := bytes.Cut(rest, []byte(" "))
		if v, err := strconv.ParseUint(string(end), 16, 64); err == nil {
			return v
		}
	}
	return 0
}
