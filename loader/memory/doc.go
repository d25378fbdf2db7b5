// SPDX-License-Identifier: Apache-2.0

// Package memory says where a process's memory comes from: who touches pages for
// the first time, and who makes its address space grow, by call path. It is on
// in probed slices, beside the probes of package loader, whose unwind tables it
// walks by.
package memory
