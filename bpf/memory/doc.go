// SPDX-License-Identifier: Apache-2.0

// Package memory holds the probes that say where a process's memory comes from,
// and the bindings that bpf2go makes of them: page faults of user code, and the
// system calls by which the address space grows. They are on in probed slices.
package memory

//go:generate go tool bpf2go -go-package memory -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3" -type origin -type origin_key -type path -type origin_kind Memory src/memory.bpf.c -- -Isrc -I../src -I/usr/include/x86_64-linux-gnu
