// SPDX-License-Identifier: Apache-2.0

// Package memory says where a process's memory comes from: who touches pages for
// the first time, and who makes its address space grow, by call path. Page faults
// have a probe of their own, which is on in probed slices beside those of package
// loader and walks by their tables; growth is kept by loader's probe of system calls
// (loader.Options.Growth), because another program on each call would cost more.
package memory
