// SPDX-License-Identifier: Apache-2.0

// Package heap holds the probes of the heap phase and the bindings that bpf2go
// makes of them: the allocator's functions (user probes), the system calls that
// give and take memory, and what ends the picture (exec, exit, fork).
//
// In src, registers.h says where a call's arguments are, state.h what is
// remembered, path.h who called, block.h how blocks are followed, pages.h how mappings are.
// heap.bpf.c hangs them on their hooks.
package heap

//go:generate go tool bpf2go -go-package heap -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3" -type account -type sums -type site_key -type site -type function -type path -type unwind_end Heap src/heap.bpf.c -- -Isrc -I../src -I/usr/include/x86_64-linux-gnu
