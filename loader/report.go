// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"strings"

	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
)

// Stacks gives the distinct stacks of all slices so far, with names, in the order
// of Sample.Stack. Without frame pointers the kernel's walker loses the way behind
// the leaf; a stack counts as complete when its outermost frame is a thread's
// entry.
func (p *Probes) Stacks(kernel *symbol.Kernel, process *symbol.Process) []results.Stack {
	if p.sampler == nil {
		return nil
	}
	var named []results.Stack
	for _, s := range p.sampler.samples.stacks.list {
		named = append(named, name(s, kernel, process))
	}
	return named
}

func name(s *addresses, kernel *symbol.Kernel, process *symbol.Process) results.Stack {
	stack := results.Stack{Samples: s.samples}
	if s.call != "" {
		stack.Frames = append(stack.Frames, results.Frame{Function: s.call, Object: "[syscall]", Kernel: true})
	}
	for _, address := range s.kernel {
		stack.Own = stack.Own || kernel.Own(address, programNames[:])
		stack.Frames = append(stack.Frames, kernel.Frame(address))
	}
	called := s.call != "" || inCall(stack.Frames)
	for i, address := range s.user {
		stack.Frames = append(stack.Frames, process.Frames(address, i == 0 && !called)...)
	}
	if s.away {
		stack.Frames = belowSwitch(stack.Frames)
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

// inCall says that kernel frames stand in a system call: then the address that
// user code goes on at is behind the instruction that called. After an interrupt
// or a fault it is the instruction itself.
func inCall(kernel []results.Frame) bool {
	for i := range kernel {
		if f := kernel[i].Function; strings.HasPrefix(f, "do_syscall") || strings.HasPrefix(f, "entry_SYSCALL") ||
			strings.HasPrefix(f, "el0_svc") || strings.HasPrefix(f, "entry_SYSENTER") {
			return true
		}
	}
	return false
}

// belowSwitch leaves out the frames of a switch away: those of our program, which
// the switch calls. They are the same for every stay off the CPU.
func belowSwitch(frames []results.Frame) []results.Frame {
	for i := range frames {
		if !frames[i].Kernel {
			break
		}
		if f := frames[i].Function; f == "__schedule" || strings.HasPrefix(f, "__schedule.") {
			return frames[i:]
		}
	}
	return frames
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
