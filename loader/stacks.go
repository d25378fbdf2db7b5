// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// addresses is one distinct stack as the kernel gave it, leaf first. User
// addresses that are no return addresses carry frameExact.
type addresses struct {
	kernel, user []uint64
	end          bpf.ProbeUnwindEnd
	call         string // the system call that was entered; empty for other samples
	away         bool   // of a thread that left its CPU
	samples      int64
}

// stacks counts equal samples, and numbers them.
type stacks struct {
	seen map[string]int32
	list []*addresses
}

func newStacks() *stacks { return &stacks{seen: make(map[string]int32)} }

// add counts a sample and returns the number of its stack.
func (s *stacks) add(sample *bpf.ProbeSample) int32 {
	frames := sample.Frames[:]
	kernel := frames[:min(int(sample.KernelFrames), len(frames))]
	user := frames[len(kernel):min(len(kernel)+int(sample.UserFrames), len(frames))]
	call := ""
	if sample.Kind == uint32(bpf.ProbeSampleKindSAMPLE_CALL) {
		call = nameOf(sample.Number)
	}
	away := sample.Kind == uint32(bpf.ProbeSampleKindSAMPLE_OFF)
	end := bpf.ProbeUnwindEnd(sample.End)
	key := fmt.Sprint(away, end) + call + "|" + string(raw(kernel)) + "|" + string(raw(user))
	number, known := s.seen[key]
	if !known {
		number = int32(len(s.list))
		s.seen[key] = number
		s.list = append(s.list, &addresses{
			kernel: slices.Clone(kernel),
			user:   slices.Clone(user),
			end:    end,
			call:   call,
			away:   away,
		})
	}
	s.list[number].samples++
	return number
}

func raw(stack []uint64) []byte {
	if len(stack) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&stack[0])), len(stack)*8)
}
