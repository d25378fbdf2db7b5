// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"github.com/cilium/ebpf"

	bpf "github.com/ipcprobe/ipcprobe/bpf/heap"
)

// function is one entry of an allocator's interface.
type function struct {
	kind    bpf.HeapFunction
	name    string   // what reports call it
	symbols []string // under which it goes
	derived string   // in a family named after its malloc (je_malloc): the word in malloc's place
	args    int      // arguments that the probe reads
	returns bool     // its end gives the block
	program func(*bpf.HeapObjects) *ebpf.Program
}

// functions are the allocator's. Of two at one address the first counts.
var functions = []function{
	{bpf.HeapFunctionFUNCTION_MALLOC, "malloc", []string{"malloc"}, "malloc", 1, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnMalloc }},
	{bpf.HeapFunctionFUNCTION_CALLOC, "calloc", []string{"calloc"}, "calloc", 2, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnCalloc }},
	{bpf.HeapFunctionFUNCTION_REALLOC, "realloc", []string{"realloc"}, "realloc", 2, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnRealloc }},
	{bpf.HeapFunctionFUNCTION_REALLOCARRAY, "reallocarray", []string{"reallocarray"}, "reallocarray", 3, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnReallocarray }},
	{bpf.HeapFunctionFUNCTION_POSIX_MEMALIGN, "posix_memalign", []string{"posix_memalign"}, "posix_memalign", 3, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnPosixMemalign }},
	{bpf.HeapFunctionFUNCTION_ALIGNED_ALLOC, "aligned_alloc", []string{"aligned_alloc"}, "aligned_alloc", 2, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnAlignedAlloc }},
	{bpf.HeapFunctionFUNCTION_MEMALIGN, "memalign", []string{"memalign"}, "memalign", 2, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnMemalign }},
	{bpf.HeapFunctionFUNCTION_VALLOC, "valloc", []string{"valloc", "pvalloc"}, "valloc", 1, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnValloc }},
	{bpf.HeapFunctionFUNCTION_NEW, "operator new", newSymbols(), "", 1, true,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnNew }},
	{bpf.HeapFunctionFUNCTION_FREE, "free", []string{"free", "cfree"}, "free", 1, false,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnFree }},
	{bpf.HeapFunctionFUNCTION_DELETE, "operator delete", deleteSymbols(), "", 1, false,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnDelete }},
}

// wrappers are the C library's functions around system calls; a probe there
// knows who called them.
var wrappers = []function{
	{bpf.HeapFunctionFUNCTION_MMAP, "mmap", []string{"mmap", "mmap64"}, "", 0, false,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnMmap }},
	{bpf.HeapFunctionFUNCTION_MREMAP, "mremap", []string{"mremap"}, "", 0, false,
		func(o *bpf.HeapObjects) *ebpf.Program { return o.OnMremap }},
}

// helpers are the C library's functions that hand out what they allocate. Where the
// library has unwind tables, stacks go through them; musl has none, so there a
// probe knows who called them.
var helpers = []string{"strdup", "strndup", "wcsdup", "getdelim", "realpath"}

var helper = function{bpf.HeapFunctionFUNCTION_NONE, "helper", helpers, "", 0, false,
	func(o *bpf.HeapObjects) *ebpf.Program { return o.OnHelper }}

// cPlusPlus says that a function is the C++ operator of an allocator: looked for
// only in an object that carries malloc too, since elsewhere it calls malloc.
func (f *function) cPlusPlus() bool {
	return f.kind == bpf.HeapFunctionFUNCTION_NEW || f.kind == bpf.HeapFunctionFUNCTION_DELETE
}

// newSymbols are the mangled names of operator new and new[], with alignment and
// without, throwing and not.
func newSymbols() []string {
	var names []string
	for _, op := range []string{"_Znwm", "_Znam"} {
		for _, tail := range []string{"", "RKSt9nothrow_t", "St11align_val_t", "St11align_val_tRKSt9nothrow_t"} {
			names = append(names, op+tail)
		}
	}
	return names
}

// deleteSymbols likewise, with the size and without.
func deleteSymbols() []string {
	var names []string
	for _, op := range []string{"_ZdlPv", "_ZdaPv"} {
		for _, tail := range []string{"", "m", "RKSt9nothrow_t", "St11align_val_t", "mSt11align_val_t", "St11align_val_tRKSt9nothrow_t"} {
			names = append(names, op+tail)
		}
	}
	return names
}

// nameOf is what reports call a function.
func nameOf(kind uint32) string {
	for _, list := range [][]function{functions, wrappers} {
		for _, f := range list {
			if uint32(f.kind) == kind {
				return f.name
			}
		}
	}
	return "unknown"
}
