// SPDX-License-Identifier: Apache-2.0

// Package symbol names addresses: kernel addresses from /proc/kallsyms, user
// addresses from the symbol tables of the files that the target has mapped.
//
// The files are opened while the target lives, through its own root, so that
// containers and replaced binaries give their own names, and the names are
// still to be had when the target ends during the run. An address that no
// table names is given as object+0xoffset, never as its neighbour.
//
// The target's files are not trusted: every count and offset in them is
// checked, and a table is read within a bound.
package symbol
