// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"unsafe"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// addresses is one distinct pair of stacks as the kernel gave it, leaf first.
type addresses struct {
	kernel, user []uint64
	userError    int32  // -errno when the user stack could not be walked
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
	kernel := words(sample.Kernel[:], sample.KernelBytes)
	user := words(sample.User[:], sample.UserBytes)
	call := ""
	if sample.Kind == uint32(bpf.ProbeSampleKindSAMPLE_CALL) {
		call = nameOf(sample.Number)
	}
	away := sample.Kind == uint32(bpf.ProbeSampleKindSAMPLE_OFF)
	key := fmt.Sprint(away) + call + "|" + string(raw(kernel)) + "|" + string(raw(user))
	number, known := s.seen[key]
	if !known {
		number = int32(len(s.list))
		s.seen[key] = number
		s.list = append(s.list, &addresses{
			kernel:    append([]uint64(nil), kernel...),
			user:      append([]uint64(nil), user...),
			userError: min(0, sample.UserBytes),
			call:      call,
			away:      away,
		})
	}
	s.list[number].samples++
	return number
}

// words cuts a stack to the length in bytes that the kernel returned; a
// negative one is an error and an empty stack.
func words(stack []uint64, bytes int32) []uint64 {
	n := min(max(0, int(bytes))/8, len(stack))
	return stack[:n]
}

func raw(stack []uint64) []byte {
	if len(stack) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&stack[0])), len(stack)*8)
}
