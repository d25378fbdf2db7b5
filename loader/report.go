// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"strings"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
)

// Stacks gives the distinct stacks of all slices so far, with names, in the order
// of Sample.Stack. A stack is complete when its walk came to a frame that nobody
// called; one that is not ends in a frame that says why, so that totals stay
// right.
func (p *Probes) Stacks(kernel *symbol.Kernel, process *symbol.Process) []results.Stack {
	if p.sampler == nil {
		return nil
	}
	kernel.Mark(p.code())
	if p.tables != nil {
		process.Remember(p.tables.mapped(p.options.Target))
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
		stack.Own = stack.Own || kernel.Own(address)
		stack.Frames = append(stack.Frames, kernel.Frame(address))
	}
	for _, address := range s.user {
		exact := address&frameExact != 0
		stack.Frames = append(stack.Frames, process.Frames(address&^frameExact, exact)...)
	}
	if s.away {
		stack.Frames = belowSwitch(stack.Frames)
	}
	if stack.Complete = complete(s.end); !stack.Complete {
		stack.Cut = unwindEnds[min(s.end, bpf.ProbeUnwindEndUNWIND_ENDS-1)]
		stack.Frames = append(stack.Frames, results.Frame{
			Function: "[unwind: " + stack.Cut + "]", Object: "[unwind]",
		})
	}
	return stack
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

// code is where our own programs lie in the kernel; nothing where it does not say.
func (p *Probes) code() []symbol.Code {
	var all []symbol.Code
	for _, name := range p.programs() {
		info, err := p.collection.Programs[name].Info()
		if err != nil {
			continue
		}
		starts, ok := info.JitedKsymAddrs()
		sizes, known := info.JitedFuncLens()
		if !ok || !known || len(starts) != len(sizes) {
			continue
		}
		for i := range starts {
			all = append(all, symbol.Code{Start: uint64(starts[i]), Size: uint64(sizes[i]), Program: "bpf " + name})
		}
	}
	return all
}
