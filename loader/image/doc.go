// SPDX-License-Identifier: Apache-2.0

// Package image opens ELF files of a target within bounds of time and memory.
//
// The files are not trusted: a sparse one of 4 GiB costs its maker nothing, and
// debug/elf takes the memory that the headers ask for. It copies each name as it
// finds it, so that a small file whose names all begin in one long string asks for
// more than any machine has. What is refused here is far from what linkers make.
package image
