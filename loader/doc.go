// SPDX-License-Identifier: Apache-2.0

// Package loader is the kernel's view of the target: it loads the probes of
// package bpf, attaches them for the length of a probed slice, takes them off
// again, and hands out what they saw in the words of package results.
//
//	Open     loads the programs; nothing is attached yet
//	Attach   all probes on: the slice may begin
//	Detach   all probes off: nothing of ours is left in the kernel's paths
//	Collect  the records of the slice, decoded
//	Report   what is summed over all slices: system calls, accounts, stacks
//	Close    programs and maps are gone
//
// Everything read here comes from the kernel or from a process that is not
// trusted; no raw bytes go past this package. It knows nothing of load
// generation or of reports.
package loader
