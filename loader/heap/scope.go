// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

const (
	dynamicBound = 64 << 10 // of a program's dynamic section, bytes
	objectsBound = 4096     // that the linker's list may hold
)

// bias is by how much an object's addresses are moved in the process.
func (o *object) bias() uint64 {
	for _, p := range o.elf.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 &&
			o.mapping.Offset >= p.Off&^0xfff && o.mapping.Offset < p.Off+p.Filesz {
			return o.mapping.Start - (p.Vaddr + (o.mapping.Offset - p.Off))
		}
	}
	return o.mapping.Start - o.mapping.Offset
}

// sortByScope puts objects in the order in which the dynamic linker looks for a
// symbol: the program, what LD_PRELOAD names, then what they need, breadth
// first. The linker keeps that list for debuggers (DT_DEBUG). Objects that are
// not on it stay behind, in the order of their addresses.
func sortByScope(pid int, objects []*object) error {
	memory, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return fmt.Errorf("read the order of the target's libraries: %w", err)
	}
	defer memory.Close()
	for _, o := range objects {
		if !o.main {
			continue
		}
		biases, err := linkMap(memory, o)
		if err != nil {
			return fmt.Errorf("read the order of the target's libraries: %w", err)
		}
		place := func(o *object) int {
			if i := slices.Index(biases, o.bias()); i >= 0 {
				return i
			}
			return len(biases)
		}
		slices.SortStableFunc(objects, func(a, b *object) int { return cmp.Compare(place(a), place(b)) })
	}
	return nil
}

// linkMap follows the linker's list (struct r_debug and struct link_map of
// link.h, the same in glibc and musl) and gives the objects' biases.
func linkMap(memory io.ReaderAt, program *object) ([]uint64, error) {
	head, err := debugEntry(memory, program)
	if err != nil || head == 0 {
		return nil, err
	}
	next, err := word(memory, head+8)
	if err != nil {
		return nil, err
	}
	var biases []uint64
	for range objectsBound {
		if next == 0 {
			return biases, nil
		}
		bias, err := word(memory, next)
		if err != nil {
			return nil, err
		}
		biases = append(biases, bias)
		if next, err = word(memory, next+24); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the list does not end")
}

// debugEntry is the address of r_debug; 0 in a static program.
func debugEntry(memory io.ReaderAt, program *object) (uint64, error) {
	for _, p := range program.elf.Progs {
		if p.Type != elf.PT_DYNAMIC {
			continue
		}
		section := make([]byte, min(p.Memsz, dynamicBound)&^15)
		if _, err := memory.ReadAt(section, int64(program.bias()+p.Vaddr)); err != nil {
			return 0, err
		}
		for at := 0; at+16 <= len(section); at += 16 {
			if elf.DynTag(binary.LittleEndian.Uint64(section[at:])) == elf.DT_DEBUG {
				return binary.LittleEndian.Uint64(section[at+8:]), nil
			}
		}
	}
	return 0, nil
}

func word(memory io.ReaderAt, at uint64) (uint64, error) {
	var b [8]byte
	if _, err := memory.ReadAt(b[:], int64(at)); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b[:]), nil
}
