// SPDX-License-Identifier: Apache-2.0

// Package bpf holds the probes, and the bindings that bpf2go makes of them.
//
// The sources stand in src, one header an idea: kernel.h declares the kernel
// fields that are read, record.h what leaves the kernel, state.h what is
// remembered between events, tape.h how records travel, pending.h which of them
// the end of a system call completes, and socket.h, watch.h
// (with flow.h and exchange.h), syscall.h, sched.h, sample.h, offcpu.h and
// callpath.h the quantities; origin.h and growth.h say who asks for memory. unwind.h
// walks a user stack by the tables of rule.h, walk.h lets the samples call it.
// probe.bpf.c hangs them on tracepoints, and on what the rung's hook_*.h names.
// The objects and their Go files are committed, so that a clean
// clone builds without clang.
//
// Probe is the object of the ladder's first rung; package rung, below, holds
// those of the others, made from the same sources.
package bpf

//go:generate go tool bpf2go -go-package bpf -tags linux -target amd64,arm64 -cflags "-O2 -g -Wall -Wextra -Wno-unused-parameter -Werror -mcpu=v3" -type record -type sample -type unwind_rule -type unwind_row -type unwind_mapping -type unwind_process -type unwind_end -type unwind_cfa -type unwind_where -type absence -type sample_kind -type call_table -type cpu -type program -type account -type traffic -type flow_leg -type durations -type thread_call -type slot_owner Probe src/probe.bpf.c -- -Isrc -I/usr/include/x86_64-linux-gnu
