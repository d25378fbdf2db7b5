// SPDX-License-Identifier: Apache-2.0

// Package kerneltest guards the tests of the kernel tier: those that load BPF
// programs, attach them to processes, or hold a figure against another tool.
//
// A machine that can't run such a test skips it and says why. With
// IPCPROBE_REQUIRE_KERNEL=1, which CI sets, the same test fails instead, so
// that a green run means that every one of them ran. A test of this tier calls
// Privileged or Root (and Tool for each program it starts) before anything else,
// and never t.Skip. The pure tier, `make test-pure`, sets IPCPROBE_TIER=pure to
// leave the kernel tier to a run of its own.
//
// `make test-kernel` finds the tier by who imports this package, so a package
// that has a kernel test and does not import it would not be run as root. It
// stands in results because that is the one room all others know.
package kerneltest
