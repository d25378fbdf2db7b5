// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"slices"

	"github.com/ipcprobe/ipcprobe/loader/image"
)

// relocationBound is the most bytes of relocations that are read of one object.
const relocationBound = 8 << 20

// slot is a place in an object's memory into which the loader has written the
// address of a function, and the name of that function.
type slot struct {
	address uint64 // in the object
	name    string
}

// slots lists where the loader put what it chose. A C library has several
// memcpys and picks one for the processor (IFUNC); the chosen one is a local
// symbol, which stripping removes, so that the place it is called through is all
// that still names it.
func (o *object) slots() []slot {
	if o.elf.Class != elf.ELFCLASS64 {
		return nil
	}
	symbols, err := image.Functions(o.elf, elf.SHT_DYNSYM, o.size)
	if err != nil {
		return nil
	}
	resolvers := make(map[uint64]string)
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_GNU_IFUNC && s.Value != 0 {
			if known, ok := resolvers[s.Value]; !ok || underscores(s.Name) < underscores(known) {
				resolvers[s.Value] = s.Name
			}
		}
	}
	if len(resolvers) == 0 {
		return nil
	}
	var out []slot
	for _, name := range []string{".rela.plt", ".rela.dyn"} {
		data := o.section(name, relocationBound)
		for ; len(data) >= 24; data = data[24:] {
			offset, info := o.elf.ByteOrder.Uint64(data), o.elf.ByteOrder.Uint64(data[8:])
			addend := o.elf.ByteOrder.Uint64(data[16:])
			if !chosen(o.elf.Machine, uint32(info)) {
				continue
			}
			if resolver, ok := resolvers[addend]; ok {
				out = append(out, slot{offset, resolver})
			}
		}
	}
	return out
}

// chosen says that a relocation holds what a resolver returned.
func chosen(machine elf.Machine, kind uint32) bool {
	switch machine {
	case elf.EM_X86_64:
		return elf.R_X86_64(kind) == elf.R_X86_64_IRELATIVE
	case elf.EM_AARCH64:
		return elf.R_AARCH64(kind) == elf.R_AARCH64_IRELATIVE
	}
	return false
}

// resolve reads the object's slots in the target's memory. base is how far the
// object lies from its own addresses there.
func (o *object) resolve(memory io.ReaderAt, base uint64) {
	for _, s := range o.slots() {
		var word [8]byte
		if _, err := memory.ReadAt(word[:], int64(base+s.address)); err != nil {
			continue
		}
		at := binary.LittleEndian.Uint64(word[:]) - base
		if o.executable(at) && !slices.ContainsFunc(o.resolved, func(e entry) bool { return e.start == at }) {
			o.resolved = append(o.resolved, entry{start: at, name: s.name})
		}
	}
}

func (o *object) executable(address uint64) bool {
	return slices.ContainsFunc(o.segments, func(s elf.ProgHeader) bool {
		return s.Flags&elf.PF_X != 0 && address >= s.Vaddr && address-s.Vaddr < s.Filesz
	})
}
