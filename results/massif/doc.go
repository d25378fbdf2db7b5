// SPDX-License-Identifier: Apache-2.0

// Package massif writes the curve of a heap phase as valgrind's massif does, for
// ms_print and massif-visualizer.
//
// Each moment of the phase is a snapshot; some carry the tree of who holds what,
// built from the sites' stacks, and the one that holds most is the peak. Time is
// in milliseconds since the phase began. Massif's own rules are kept: children
// are sorted by what they hold, those below the threshold are one line, and the
// figures of a node's children add up to its own.
//
// The format is that of ms_main.c in valgrind 3.19; the manual describes it in
// "Massif: a heap profiler".
package massif
