// SPDX-License-Identifier: Apache-2.0

// Package heap watches the allocator of a running process.
//
// Find says where the allocator's functions are: in whatever object is called
// first, by the dynamic linker's own list, or in a static program's symbols
// (find.go, scope.go). stop.go picks the instruction of each function at which a
// probe costs least. Open loads the programs of bpf/heap, Attach puts them on,
// and Sums, Sites and Moment read what they count, at any time.
//
// Blocks are counted as the caller asked for them. Calls that the allocator
// makes of itself count once, as the outermost. Nothing here drives load.
package heap
