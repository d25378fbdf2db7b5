// SPDX-License-Identifier: Apache-2.0

// Package mapping says what code a process has mapped, and opens the files
// behind it.
//
// Who names addresses and who unwinds stacks both start here. Files are opened
// while the target lives, through its own root, so that containers and replaced
// binaries give what is really mapped. Neither /proc/PID/maps nor the files are
// trusted: both are read within bounds.
package mapping
