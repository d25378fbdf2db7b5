// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// kernelBound is the largest /proc/kallsyms that is read.
const kernelBound = 256 << 20

// ErrHidden says that the kernel does not show its addresses to us.
var ErrHidden = errors.New("kernel addresses are hidden: seeing them takes CAP_SYSLOG, and kernel.kptr_restrict below 2")

// Kernel names kernel addresses.
type Kernel struct {
	functions table
	own       table // our own programs
}

// Code is a stretch of machine code in the kernel.
type Code struct {
	Start, Size uint64
	Program     string // of ours, that it is of
}

// Mark makes known where our own programs lie. Other people's may have the same
// names, so that the address alone tells.
func (k *Kernel) Mark(programs []Code) {
	var entries []entry
	for _, c := range programs {
		entries = append(entries, entry{start: c.Start, size: max(1, c.Size), name: c.Program})
	}
	k.own = sorted(entries)
}

// OpenKernel reads /proc/kallsyms. Call it after the probes are loaded, so that
// they have names too. ErrHidden comes with a Kernel that still names every
// address, as [kernel].
func OpenKernel() (*Kernel, error) {
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return &Kernel{}, fmt.Errorf("name kernel functions: %w", err)
	}
	defer file.Close()
	return readKernel(io.LimitReader(file, kernelBound))
}

// readKernel parses lines "address type name [module]".
func readKernel(r io.Reader) (*Kernel, error) {
	var entries []entry
	hidden := true
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 || !strings.ContainsAny(fields[1], "tTwW") {
			continue
		}
		start, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil {
			continue
		}
		hidden = hidden && start == 0
		e := entry{start: start, name: fields[2]}
		if len(fields) > 3 {
			e.object = strings.Trim(fields[3], "[]")
		}
		entries = append(entries, e)
	}
	if err := lines.Err(); err != nil {
		return &Kernel{}, fmt.Errorf("name kernel functions: %w", err)
	}
	if hidden {
		return &Kernel{}, ErrHidden
	}
	return &Kernel{functions: sorted(entries)}, nil
}

// Frame names one kernel address. Our own programs are in the object [ipcprobe].
func (k *Kernel) Frame(address uint64) results.Frame {
	frame := results.Frame{Function: "[kernel]", Object: "[kernel]", Address: address, Kernel: true}
	if e, ok := k.own.find(address); ok {
		frame.Function, frame.Object = e.name, "[ipcprobe]"
		return frame
	}
	if e, ok := k.functions.find(address); ok {
		frame.Function = e.name
		if e.object != "" {
			frame.Object = "[" + e.object + "]"
		}
	}
	return frame
}

// Own says that a kernel address lies in one of our programs.
func (k *Kernel) Own(address uint64) bool {
	_, ok := k.own.find(address)
	return ok
}
