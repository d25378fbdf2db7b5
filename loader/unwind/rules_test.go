// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
)

// stack is the rule of a function that has n bytes on the stack, all else in its
// place.
func stack(n int32) Rule {
	return Rule{CFA: CFARegister, Base: 7, CFAOffset: n, ResultIs: AtCFA, Result: -8, FrameIs: Same, SavedIs: Same}
}

func with(r Rule, change func(*Rule)) Rule {
	change(&r)
	return r
}

// Each is a trap that some unwinder has fallen into.
func TestRules(t *testing.T) {
	for _, row := range []struct {
		name         string
		instructions []byte
		at           uint64 // in the function
		want         Rule
	}{
		{"the common entry's rule holds without instructions", nil, 0x40, stack(8)},
		{"a register without a rule is unchanged", []byte{cfaAdvanceLoc | 1, cfaDefCFAOffset, 32}, 2, stack(32)},
		{"a row holds from its address on", []byte{cfaAdvanceLoc | 4, cfaDefCFAOffset, 32}, 3, stack(8)},
		{"restore returns to the common entry's rule", []byte{
			cfaOffset | 6, 2, cfaAdvanceLoc | 1, cfaRestore | 6}, 1, stack(8)},
		{"the frame pointer was saved", []byte{cfaOffset | 6, 2}, 1,
			with(stack(8), func(r *Rule) { r.FrameIs, r.Frame = AtCFA, -16 })},
		{"a restored state has the CFA of its time", []byte{
			cfaDefCFAOffset, 24, cfaRememberState, cfaAdvanceLoc | 1, cfaDefCFAOffset, 8, cfaOffset | 6, 2,
			cfaAdvanceLoc | 1, cfaRestoreState}, 2, stack(24)},
		{"states are remembered one above the other", []byte{
			cfaRememberState, cfaDefCFAOffset, 16, cfaRememberState, cfaDefCFAOffset, 24,
			cfaAdvanceLoc | 1, cfaRestoreState, cfaAdvanceLoc | 1, cfaRestoreState}, 1, stack(16)},
		{"arguments that were pushed are no rule", []byte{cfaArgsSize, 16}, 0, stack(8)},
		{"an offset upwards", []byte{cfaNegativeOffset, 6, 2}, 0,
			with(stack(8), func(r *Rule) { r.FrameIs, r.Frame = AtCFA, 16 })},
		{"an undefined return address ends the stack", []byte{cfaUndefined, 16}, 0,
			with(stack(8), func(r *Rule) { r.ResultIs, r.Result = Undefined, 0 })},
		{"a return address in a register", []byte{cfaRegister, 16, 5}, 0,
			with(stack(8), func(r *Rule) { r.ResultIs, r.Result = InRegister, 5 })},
		{"the CFA counts from another register", []byte{cfaDefCFA, 10, 0}, 0,
			with(stack(0), func(r *Rule) { r.Base = 10 })},
		{"the CFA is in memory, as behind an aligned stack", []byte{
			cfaDefCFAExpr, 3, 0x76, 0x78, opDeref, cfaExpression, 6, 2, 0x76, 0}, 0,
			with(stack(-8), func(r *Rule) { r.Base, r.CFA, r.FrameIs = 6, CFALoad, AtFrame })},
		{"the CFA is behind a word in memory", []byte{cfaDefCFAExpr, 6, 0x77, 0xd0, 0, opDeref, opPlusUconst, 8}, 0,
			with(stack(80), func(r *Rule) { r.CFA, r.CFAAdd = CFALoad, 8 })},
		{"the CFA is in a table on the stack", []byte{
			cfaDefCFAExpr, 10, 0x77, 8, 0x79, 0, opLit0 + 8, opMul, opPlus, opDeref, opPlusUconst, 8}, 0,
			with(stack(8), func(r *Rule) { r.CFA, r.CFAAdd, r.Index, r.Shift = CFAIndexed, 8, 9, 3 })},
		{"an entry of the linkage table", []byte{
			cfaDefCFAExpr, 11, 0x77, 8, 0x80, 0, opLit0 + 15, opAnd, opLit0 + 11, opGe, opLit0 + 3, opShl, opPlus}, 0,
			with(stack(8), func(r *Rule) { r.CFA, r.CFAAdd = CFAStub, 11 })},
		{"such an entry with a landing pad", []byte{
			cfaDefCFAExpr, 11, 0x77, 8, 0x80, 0, opLit0 + 15, opAnd, opLit0 + 9, opGe, opLit0 + 3, opShl, opPlus}, 0,
			with(stack(8), func(r *Rule) { r.CFA, r.CFAAdd = CFAStub, 9 })},
		{"an expression that nobody knows is not guessed", []byte{cfaDefCFAExpr, 4, 0x77, 8, opShl, opGe}, 0, Rule{}},
		{"a frame pointer that is the CFA", []byte{cfaValOffset, 6, 2}, 0,
			with(stack(8), func(r *Rule) { r.FrameIs, r.Frame = IsCFA, -16 })},
		{"a frame pointer that is nowhere known", []byte{cfaValExpression, 6, 1, opDeref}, 0,
			with(stack(8), func(r *Rule) { r.FrameIs = Unsupported })},
		{"a location that is set", []byte{cfaSetLoc, 0, 0, 0, 0, cfaDefCFAOffset, 64}, 0x20, stack(64)},
	} {
		t.Run(row.name, func(t *testing.T) {
			data := object(row.instructions)
			if len(row.instructions) > 0 && row.instructions[0] == cfaSetLoc {
				// Pc-relative, so it depends on where the instructions are.
				at := strings.Index(string(data), string(row.instructions))
				binary.LittleEndian.PutUint32(data[at+1:], uint32(codeAt+0x20-(at+1)))
			}
			checkRule(t, data, codeAt+row.at, row.want)
		})
	}
}

func checkRule(t *testing.T, data []byte, at uint64, want Rule) {
	t.Helper()
	var rules Rules
	table, err := compileObject(data, &rules)
	if err != nil || table.Unread > 0 {
		t.Fatalf("compile: %v, %v", err, table.Err)
	}
	row, ok := table.Find(at)
	if !ok {
		t.Fatalf("no row at 0x%x; rows %v", at, table.Rows)
	}
	if got := rules.All()[row.Rule]; got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// How entries are written differs; what they say is the same.
func TestEntries(t *testing.T) {
	absolute := binary.LittleEndian.AppendUint64(nil, codeAt)
	length := binary.LittleEndian.AppendUint64(nil, codeBytes)
	short := binary.LittleEndian.AppendUint32(nil, codeBytes)
	relative := func(to, base uint64) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(to-base)) }
	for _, row := range []struct {
		name string
		spec entrySpec
	}{
		{"as compilers do", entrySpec{}},
		{"64-bit DWARF", entrySpec{wide: true}},
		{"version 3", entrySpec{version: 3}},
		{"version 4", entrySpec{version: 4}},
		{"absolute addresses", entrySpec{augmentation: "zR", data: []byte{pointerAbsolute}, start: absolute, length: length}},
		{"data-relative", entrySpec{augmentation: "zR", data: []byte{pointerData | pointerSdata4}, start: relative(codeAt, dataAt), length: short}},
		{"indirect", entrySpec{augmentation: "zR", data: []byte{pointerIndirect | pointerUdata4}, start: relative(dataAt+0x80, 0), length: short}},
		{"a personality and a key", entrySpec{augmentation: "zPRB",
			data:  []byte{pointerIndirect | pointerPC | pointerSdata4, 1, 2, 3, 4, pointerUdata4},
			start: relative(codeAt, 0), length: short}},
		{"letters that nobody knows behind those that matter", entrySpec{augmentation: "zRx", data: []byte{pointerUdata4, 9},
			start: relative(codeAt, 0), length: short}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.spec.instructions = []byte{cfaAdvanceLoc | 4, cfaDefCFAOffset, 48}
			data := objectOf(row.spec)
			checkRule(t, data, codeAt+3, stack(8))
			checkRule(t, data, codeAt+4, stack(48))
			var rules Rules
			table, err := compileObject(data, &rules)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := table.Find(codeAt + codeBytes); ok {
				t.Error("there is a row behind the function's end")
			}
			if want := (Range{codeAt, codeAt + codeBytes}); len(table.Functions) != 1 || table.Functions[0] != want {
				t.Errorf("functions %x, want %x", table.Functions, want)
			}
		})
	}
}

func TestASignalFrameIsMarked(t *testing.T) {
	data := objectOf(entrySpec{augmentation: "zRS", data: []byte{pointerAbsolute},
		start:  binary.LittleEndian.AppendUint64(nil, codeAt+0x10),
		length: binary.LittleEndian.AppendUint64(nil, 0x20)})
	want := with(stack(8), func(r *Rule) { r.Signal = true })
	checkRule(t, data, codeAt+0x10, want)
	// The handler returns to its first byte, which is looked up one before.
	checkRule(t, data, codeAt+0x0f, want)
}

func TestBrokenObjectsSayWhatIsWrong(t *testing.T) {
	good := object(nil)
	change := func(do func([]byte)) []byte {
		data := append([]byte(nil), good...)
		do(data)
		return data
	}
	for _, row := range []struct {
		name string
		data []byte
		says string
	}{
		{"empty", nil, "ELF header"},
		{"a script", []byte("#!/bin/sh\n" + strings.Repeat("x", 100)), "not an ELF object"},
		{"32-bit", change(func(b []byte) { b[4] = 1 }), "not a little-endian 64-bit object"},
		{"another machine", change(func(b []byte) { b[18] = 8 }), "can't be unwound"},
		{"cut behind its header", good[:64], "program headers"},
		{"no table", change(func(b []byte) { b[64+3*56] = 9; clear(b[frameAt:codeAt]) }), ErrNoTable.Error()},
		{"an index of an unknown version", change(func(b []byte) { b[indexAt] = 7 }), "version 7"},
		{"a section outside the file", change(func(b []byte) { b[indexAt+6] = 0x70 }), "read .eh_frame"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var rules Rules
			_, err := compileObject(row.data, &rules)
			if err == nil || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v, want something with %q", err, row.says)
			}
			if row.says == ErrNoTable.Error() != errors.Is(err, ErrNoTable) {
				t.Errorf("%v is ErrNoTable: %t", err, errors.Is(err, ErrNoTable))
			}
		})
	}
}

func TestATableIsFoundWithoutItsIndex(t *testing.T) {
	data := object([]byte{cfaAdvanceLoc | 4, cfaDefCFAOffset, 48})
	data[64+3*56] = 9
	checkRule(t, data, codeAt+4, stack(48))
}

func TestWhatCantBeReadIsCountedAndLeavesAGap(t *testing.T) {
	for _, row := range []struct {
		name string
		spec entrySpec
	}{
		{"an unknown instruction", entrySpec{instructions: []byte{0x3f}}},
		{"a state that was not remembered", entrySpec{instructions: []byte{cfaRestoreState}}},
		{"too many states", entrySpec{instructions: []byte(strings.Repeat(string(rune(cfaRememberState)), depthBound+1))}},
		{"an expression cut short", entrySpec{instructions: []byte{cfaDefCFAExpr, 0x70}}},
		{"an unknown version", entrySpec{version: 9}},
		{"an unknown augmentation", entrySpec{augmentation: "armcc+"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var rules Rules
			table, err := compileObject(objectOf(row.spec), &rules)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := table.Find(codeAt); ok || table.Unread != 1 || table.Err == nil || table.Covered != 0 {
				t.Errorf("row found: %t, %d unread: %v, %d bytes covered", ok, table.Unread, table.Err, table.Covered)
			}
		})
	}
}
