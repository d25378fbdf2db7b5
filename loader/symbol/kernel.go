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
var ErrHidden = errors.New("kernel addresses are hidden (kernel.kptr_restrict)")

// Kernel names kernel addresses.
type Kernel struct{ functions table }

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

// Frame names one kernel address.
func (k *Kernel) Frame(address uint64) results.Frame {
	frame := results.Frame{Function: "[kernel]", Object: "[kernel]", Address: address, Kernel: true}
	if e, ok := k.functions.find(address); ok {
		frame.Function = e.name
		if e.object != "" {
			frame.Object = "[" + e.object + "]"
		}
	}
	return frame
}

// Own says that a kernel address lies in one of the named BPF programs. The
// kernel calls a program bpf_prog_TAG_NAME, with the name cut to 15 bytes.
func (k *Kernel) Own(address uint64, programs []string) bool {
	e, ok := k.functions.find(address)
	if !ok || e.object != "bpf" {
		return false
	}
	rest, ok := strings.CutPrefix(e.name, "bpf_prog_")
	if !ok {
		return false
	}
	_, name, _ := strings.Cut(rest, "_")
	for _, program := range programs {
		if name == program || len(name) == 15 && strings.HasPrefix(program, name) {
			return true
		}
	}
	return false
}
