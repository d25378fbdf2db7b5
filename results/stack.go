// SPDX-License-Identifier: Apache-2.0

package results

// Mapping is where a file stands in the memory of a process.
type Mapping struct {
	Start, Limit uint64 // addresses [Start, Limit)
	Offset       uint64 // of Start in the file
	File         string // path as the process sees it
	BuildID      string // hex; empty when the file has none
}

// Frame is one function of a stack, leaf first in Stack.Frames. A function that
// the compiler has put into another has a frame of its own before that of the
// function that it is in, with the same address.
type Frame struct {
	Function string   // demangled; "[unwind: reason]" where the walk ended early
	Symbol   string   // as it stands in the file, where that is another
	Object   string   // base name of the mapped file; "[kernel]", "[vdso]", "[bpf]"
	BuildID  string   // hex; empty when the object has none
	File     string   // source file; empty where there is no debug information
	Line     int      // in File; 0 where it is not known
	Address  uint64   // address in the running process (or kernel)
	Offset   uint64   // address within the file
	Mapping  *Mapping // nil for the kernel and where it is not known
	Kernel   bool
	Inlined  bool // into the function of the next frame
	Copies   bool // the instruction at Address is a string copy (rep movs)
	Returned bool // the instruction before it is a system call
}

// Stack is one call path and how often it was seen.
type Stack struct {
	Frames   []Frame // leaf first, kernel frames before user frames
	Samples  int64
	Complete bool   // the walk reached the thread's start
	Cut      string // why it did not
	Own      bool   // a kernel frame is one of our own BPF programs
}

// SampleKind says why a stack was taken.
type SampleKind uint8

const (
	// OnCPU: the clock found the thread on a CPU.
	OnCPU SampleKind = iota + 1
	// OffCPU: the thread left its CPU, and how long it stayed away is known.
	OffCPU
	// CallEntry: the thread entered a system call.
	CallEntry
)

// Sample is one moment of one thread of the target, with its stack and, where a
// request was being served, which.
type Sample struct {
	At     int64 // ns, CLOCK_MONOTONIC
	Thread uint32
	Stack  int32 // index of the distinct stack
	Kind   SampleKind
	Weight int64  // how many moments like it this one stands for
	Call   string // system call that was entered, or that it left the CPU in; empty outside

	// Of one that left the CPU, ns. Together they are the whole time.
	Blocked  int64
	Idle     int64 // waiting for clients to send
	RunQueue int64 // runnable

	// Of the request that the thread was serving; Served says that there was one.
	Served    bool
	Request   uint16 // Request.Kind
	RoundTrip int64  // ns
	Slice     int    // Slice.Index
}
