// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
)

// Stacks gives the CPU samples of all slices so far, with names. Without
// frame pointers the kernel's walker loses the way behind the leaf; a stack
// counts as complete when its outermost frame is a thread's entry.
func (p *Probes) Stacks(kernel *symbol.Kernel, process *symbol.Process) []results.Stack {
	if p.sampler == nil {
		return nil
	}
	var named []results.Stack
	for _, s := range p.sampler.stacks.seen {
		named = append(named, name(s, kernel, process))
	}
	return named
}

func name(s *addresses, kernel *symbol.Kernel, process *symbol.Process) results.Stack {
	stack := results.Stack{Samples: s.samples}
	for i, address := range s.kernel {
		stack.Own = stack.Own || i == 0 && kernel.Own(address, programNames[:])
		stack.Frames = append(stack.Frames, kernel.Frame(address))
	}
	for i, address := range s.user {
		stack.Frames = append(stack.Frames, process.Frame(address, i == 0))
	}
	if n := len(s.user); n > 0 {
		stack.Complete = entries[stack.Frames[len(stack.Frames)-1].Function]
	}
	if !stack.Complete {
		stack.Frames = append(stack.Frames, results.Frame{
			Function: unwindFailure(s), Object: "[unwind]",
		})
	}
	return stack
}

// unwindFailure names how an incomplete walk ended, so that totals stay right.
func unwindFailure(s *addresses) string {
	if len(s.user) == 0 {
		return "[unwind: no user stack]"
	}
	return "[unwind: no frame pointer]"
}

// entries are the functions that a thread of the usual C libraries starts in.
var entries = map[string]bool{
	"_start": true, "__clone": true, "clone": true, "clone3": true, "__clone3": true,
	"start_thread": true, "thread_start": true, "__libc_start_main": true,
	"__libc_start_call_main": true,
}
