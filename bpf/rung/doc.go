// SPDX-License-Identifier: Apache-2.0

// Package rung holds the probes' objects for the lower rungs of the ladder: the
// same programs and maps under the same names as in package bpf, hung on other
// hooks. What tells them apart is said in ../src/kernel.h.
//
//	Perf     the first rung's tracepoints, by way of perf events (Linux 6.3)
//	Fentry   trampolines on functions (Linux 5.8, with BTF)
//	Kprobe   breakpoints on functions; no BTF in the kernel needed
//	Syscall  raw tracepoints on system calls and the scheduler alone
package rung

//go:generate go tool bpf2go -no-global-types -go-package rung -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3 -DRUNG=RUNG_TRACEPOINT -mllvm -disable-block-placement" Perf ../src/probe.bpf.c -- -I../src -I/usr/include/x86_64-linux-gnu
//go:generate go tool bpf2go -no-global-types -go-package rung -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3 -DRUNG=RUNG_FENTRY -mllvm -disable-block-placement" Fentry ../src/probe.bpf.c -- -I../src -I/usr/include/x86_64-linux-gnu
//go:generate go tool bpf2go -no-global-types -go-package rung -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3 -DRUNG=RUNG_KPROBE -mllvm -disable-block-placement" Kprobe ../src/probe.bpf.c -- -I../src -I/usr/include/x86_64-linux-gnu
//go:generate go tool bpf2go -no-global-types -go-package rung -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3 -DRUNG=RUNG_SYSCALL -mllvm -disable-block-placement" Syscall ../src/probe.bpf.c -- -I../src -I/usr/include/x86_64-linux-gnu
