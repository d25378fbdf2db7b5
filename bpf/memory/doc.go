// SPDX-License-Identifier: Apache-2.0

// Package memory holds the probes that say where a process's memory comes from,
// and the bindings that bpf2go makes of them: page faults of user code. They are on
// in probed slices, and share the maps of ../src/origin.h with the probe of system
// calls.
package memory

//go:generate go tool bpf2go -go-package memory -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3" -type origin -type origin_key -type path -type origin_kind Memory src/memory.bpf.c -- -Isrc -I../src -I/usr/include/x86_64-linux-gnu
