// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"debug/elf"
	"encoding/binary"
)

// searchBound is how many places that look like a table's start are tried.
const searchBound = 64

// search finds .eh_frame where no header says where it is: a program that is
// linked statically has no index, and its sections may be stripped. A table
// begins with a common entry, whose form is narrow, and what follows must be read
// as functions of this object up to an empty entry.
func (f *frames) search() bool {
	tried := 0
	for _, s := range f.image.segments {
		if s.kind != elf.PT_LOAD || s.fileSize > tableBound {
			continue
		}
		data, err := f.image.read(s.start, s.fileSize)
		if err != nil {
			continue
		}
		for at := 0; at+17 <= len(data) && tried < searchBound; at += 4 {
			if !looksCommon(data[at:]) {
				continue
			}
			tried++
			f.data, f.address, f.commons = data[at:], s.start+uint64(at), make(map[uint64]*common)
			f.work = 4*len(f.data) + 4096
			if f.sound() {
				return true
			}
		}
	}
	f.data, f.commons = nil, make(map[uint64]*common)
	return false
}

// looksCommon says whether a common entry may start here: a short one, with the
// identifier 0, version 1 and an augmentation that begins with z.
func looksCommon(data []byte) bool {
	length := binary.LittleEndian.Uint32(data)
	return length >= 12 && length <= 64 && binary.LittleEndian.Uint32(data[4:]) == 0 &&
		data[8] == 1 && data[9] == 'z' && (data[10] == 'R' || data[10] == 'P' || data[10] == 'L')
}

// sound says whether all that follows are functions, and of this object's code.
func (f *frames) sound() bool {
	functions, wrong := 0, 0
	f.each(func(fn function, err error) {
		if err != nil || !f.image.executable(fn.Start) {
			wrong++
		} else {
			functions++
		}
	})
	return functions > 0 && wrong*10 < functions
}
