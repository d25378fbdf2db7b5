// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"cmp"
	"io"
	"slices"
)

// Range is the code of one function, [Start, End), in the addresses of the
// object: those that its symbols would use.
type Range struct{ Start, End uint64 }

// Functions are the ranges of an object's functions, sorted, none within another.
// They are there when every symbol is stripped, and end exactly where the
// function does.
type Functions []Range

// ReadFunctions reads the functions of an ELF object of size bytes from its call
// frame information. It is much cheaper than Compile. The parts of a function
// that a compiler has moved away (.cold) are ranges of their own. ErrNoTable says
// that the object has none.
func ReadFunctions(file io.ReaderAt, size int64) (Functions, error) {
	o, err := openImage(file, size)
	if err != nil {
		return nil, err
	}
	f, err := openFrames(o)
	if err != nil {
		return nil, err
	}
	var all Functions
	f.each(func(fn function, err error) {
		if err == nil && fn.End > fn.Start && o.executable(fn.Start) {
			all = append(all, fn.Range)
		}
	})
	return all.sorted(), nil
}

// sorted puts the ranges in order and takes out what lies in another: of two that
// begin together the first read stays, one that runs into the next is cut there.
func (f Functions) sorted() Functions {
	slices.SortStableFunc(f, func(a, b Range) int { return cmp.Compare(a.Start, b.Start) })
	f = slices.CompactFunc(f, func(a, b Range) bool { return a.Start == b.Start })
	for i := 1; i < len(f); i++ {
		f[i-1].End = min(f[i-1].End, f[i].Start)
	}
	return f
}

// FunctionRange is the function that holds an address of the object.
func (f Functions) FunctionRange(pc uint64) (Range, bool) {
	i, exact := slices.BinarySearchFunc(f, pc, func(r Range, pc uint64) int { return cmp.Compare(r.Start, pc) })
	if !exact {
		i--
	}
	if i < 0 || pc >= f[i].End {
		return Range{}, false
	}
	return f[i], true
}
