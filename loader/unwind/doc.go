// SPDX-License-Identifier: Apache-2.0

// Package unwind makes tables that a stack can be walked with, of the call frame
// information that compilers leave in .eh_frame for exceptions.
//
// Production code keeps no frame pointers, and a stack frame may be megabytes
// large, so neither the kernel's walker nor a copied piece of stack finds the
// way back. These tables say for each address of the code where its caller's
// frame begins and where the return address stands:
//
//	Compile        an ELF object to rows {pc, rule}, sorted, with end markers
//	Rules          the few hundred distinct rules that the rows of all objects share
//	ReadFunctions  only the ranges of the functions: names where all is stripped
//
// bpf/src/unwind.h walks them inside the kernel. x86-64 and arm64 differ in the
// numbers of their registers and in nothing else here.
//
// Objects belong to the target and are not trusted: every length is checked,
// memory and time are bounded by the file's size, and what can't be read is
// counted and leaves a gap, never a guess.
package unwind
