// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// cpus is what the probes keep of each possible CPU, in memory that they share with
// us: looking at it takes no system call, during which the kernel would start none of
// the programs that hang on perf events on its CPU.
type cpus struct {
	memory *ebpf.Memory
	number int
}

// nobody is NOBODY of bpf/src/state.h.
const nobody = 0xffffffff

func openCPUs(m *ebpf.Map) (*cpus, error) {
	memory, err := m.Memory()
	if err != nil {
		return nil, unsupported("map the probes' accounts", err)
	}
	return &cpus{memory, int(m.MaxEntries())}, nil
}

// read is a copy of all, CPU by CPU. While the probes are on it may be torn between
// two of its numbers, never within one.
func (c *cpus) read() ([]bpf.ProbeCpu, error) {
	states := make([]bpf.ProbeCpu, c.number)
	if _, err := c.memory.ReadAt(bytesOf(states), 0); err != nil {
		return nil, fmt.Errorf("read the probes' accounts: %w", err)
	}
	return states, nil
}

// write replaces all. Only while the probes are off.
func (c *cpus) write(states []bpf.ProbeCpu) error {
	if _, err := c.memory.WriteAt(bytesOf(states), 0); err != nil {
		return fmt.Errorf("write the probes' accounts: %w", err)
	}
	return nil
}

func bytesOf(states []bpf.ProbeCpu) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(states))), len(states)*int(unsafe.Sizeof(states[0])))
}
