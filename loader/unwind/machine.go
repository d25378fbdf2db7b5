// SPDX-License-Identifier: Apache-2.0

package unwind

import "debug/elf"

// machine names the DWARF registers that a walk follows.
type machine struct {
	stack, frame uint64
	// saved is one more register that callees preserve: the dynamic linker's
	// resolver keeps its frame's start there.
	saved uint64
	// result is the return address, pc the program counter in expressions.
	result, pc uint64
	// known is the number of registers that the kernel gives of the leaf.
	known uint64
}

// machines are those that the walker knows.
var machines = map[elf.Machine]machine{
	elf.EM_X86_64:  {stack: 7, frame: 6, saved: 3, result: 16, pc: 16, known: 16},
	elf.EM_AARCH64: {stack: 31, frame: 29, saved: 19, result: 30, pc: 32, known: 31},
}
