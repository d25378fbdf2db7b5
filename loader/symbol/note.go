// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"io"
)

const (
	noteBound  = 64 << 10 // bytes of notes that are looked through
	noteGNUID  = 3        // NT_GNU_BUILD_ID
	noteHeader = 12
)

// buildID finds the GNU build id, in hex; empty when there is none. Where the
// section headers are gone the program headers still lead to it.
func buildID(f *elf.File, size int64) string {
	for _, s := range f.Sections {
		if s.Type == elf.SHT_NOTE && s.Flags&elf.SHF_COMPRESSED == 0 && s.Size <= noteBound && s.Size <= uint64(size) {
			if data, err := s.Data(); err == nil {
				if id := idIn(data, f.ByteOrder); id != "" {
					return id
				}
			}
		}
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_NOTE && p.Filesz <= noteBound && p.Filesz <= uint64(size) {
			data := make([]byte, p.Filesz)
			if n, err := p.ReadAt(data, 0); err == nil || err == io.EOF && n == len(data) {
				if id := idIn(data, f.ByteOrder); id != "" {
					return id
				}
			}
		}
	}
	return ""
}

// idIn looks for the build id in a run of notes.
func idIn(notes []byte, order binary.ByteOrder) string {
	for len(notes) >= noteHeader {
		name, desc := uint64(order.Uint32(notes)), uint64(order.Uint32(notes[4:]))
		kind := order.Uint32(notes[8:])
		start := noteHeader + (name+3)/4*4
		end := start + desc
		if end > uint64(len(notes)) {
			return ""
		}
		if kind == noteGNUID && name == 4 && string(notes[noteHeader:noteHeader+3]) == "GNU" && desc > 0 && desc <= 64 {
			return hex.EncodeToString(notes[start:end])
		}
		notes = notes[min(uint64(len(notes)), (end+3)/4*4):]
	}
	return ""
}
