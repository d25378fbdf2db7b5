// SPDX-License-Identifier: Apache-2.0

// Package profile writes sampled stacks in the forms that other tools read:
// pprof's profile.proto (Write) and folded lines for flame graphs (Folded). It
// also ranks functions for the report (Top).
//
// A stack's count is a number of samples; each stands for Period of CPU time.
// Nothing here samples, unwinds or looks up a symbol: frames come named from
// package loader. Names come out of binaries that nobody vouches for, so
// control characters never reach a file.
package profile
