// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"unsafe"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// addresses is one distinct pair of stacks as the kernel gave it, leaf first.
type addresses struct {
	kernel, user []uint64
	userError    int32 // -errno when the user stack could not be walked
	samples      int64
}

// stacks counts equal samples.
type stacks struct {
	seen map[string]*addresses
}

func newStacks() *stacks { return &stacks{seen: make(map[string]*addresses)} }

func (s *stacks) add(sample *bpf.ProbeSample) {
	kernel := words(sample.Kernel[:], sample.KernelBytes)
	user := words(sample.User[:], sample.UserBytes)
	key := string(raw(kernel)) + "|" + string(raw(user))
	known := s.seen[key]
	if known == nil {
		known = &addresses{
			kernel:    append([]uint64(nil), kernel...),
			user:      append([]uint64(nil), user...),
			userError: min(0, sample.UserBytes),
		}
		s.seen[key] = known
	}
	known.samples++
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
