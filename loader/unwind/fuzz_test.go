// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"bytes"
	"os"
	"testing"
)

// seeds are objects made by hand, and a linked one.
func seeds(f *testing.F) {
	f.Helper()
	for _, instructions := range [][]byte{
		nil,
		{cfaAdvanceLoc | 1, cfaDefCFAOffset, 16, cfaOffset | 6, 2, cfaAdvanceLoc | 3, cfaDefCFARegister, 6},
		{cfaRememberState, cfaAdvanceLoc1, 8, cfaDefCFA, 6, 16, cfaAdvanceLoc2, 1, 0, cfaRestoreState},
		{cfaDefCFAExpr, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22},
		{cfaExpression, 6, 2, 0x77, 0, cfaUndefined, 16, cfaArgsSize, 16, cfaNegativeOffset, 3, 2},
		{cfaValOffset, 6, 2, cfaRegister, 16, 2, cfaOffsetExtSF, 3, 0x7e, cfaRestoreExt, 3, cfaSameValue, 6},
	} {
		f.Add(object(instructions))
	}
	f.Add(wide(object(nil)))
	// A library of two functions: gcc -O2 -shared -nostdlib -s.
	linked, err := os.ReadFile("testdata/seed.elf")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(linked)
}

// FuzzCompile holds what a walk relies on, for any file: rows in order, none
// twice, every rule in the dictionary, and time and memory that end.
func FuzzCompile(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		var rules Rules
		table, err := Compile(bytes.NewReader(data), int64(len(data)), &rules)
		if err != nil {
			return
		}
		for i, row := range table.Rows {
			if i > 0 && row.PC <= table.Rows[i-1].PC {
				t.Fatalf("row %d at 0x%x follows one at 0x%x", i, row.PC, table.Rows[i-1].PC)
			}
			if int(row.Rule) >= len(rules.All()) {
				t.Fatalf("row %d has rule %d of %d", i, row.Rule, len(rules.All()))
			}
		}
		if n := len(table.Rows); n > 0 && table.Rows[n-1].Flags&Gap == 0 {
			t.Fatal("the last function has no end")
		}
		if table.Covered > table.Code {
			t.Fatalf("%d of %d bytes are covered", table.Covered, table.Code)
		}
		ordered(t, table.Functions)
		for offset := uint64(0); offset < 1<<14; offset += 1 << 12 {
			table.Place(1<<40, offset)
		}
	})
}

// FuzzFunctions does so for the ranges alone.
func FuzzFunctions(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		functions, err := ReadFunctions(bytes.NewReader(data), int64(len(data)))
		if err == nil {
			ordered(t, functions)
		}
	})
}

func ordered(t *testing.T, functions Functions) {
	t.Helper()
	for i, r := range functions {
		if r.End <= r.Start || i > 0 && r.Start < functions[i-1].End {
			t.Fatalf("function %d is %x", i, r)
		}
		if got, ok := functions.FunctionRange(r.Start); !ok || got != r {
			t.Fatalf("0x%x is found in %x, not in %x", r.Start, got, r)
		}
	}
}

// FuzzInstructions runs any bytes as the instructions of a function.
func FuzzInstructions(f *testing.F) {
	f.Add([]byte{cfaAdvanceLoc | 1, cfaDefCFAOffset, 16, cfaOffset | 6, 2})
	f.Add([]byte{cfaDefCFAExpr, 5, 0x77, 8, 0x06, 0x23, 8, cfaSetLoc, 0, 0x10, 0, 0})
	f.Add(bytes.Repeat([]byte{cfaRememberState}, 100))
	f.Add([]byte{cfaDefCFAExpr, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{cfaAdvanceLoc8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, cfaAdvanceLoc | 2})
	f.Fuzz(func(t *testing.T, instructions []byte) {
		var rules Rules
		table, err := compileObject(object(instructions), &rules)
		if err != nil {
			t.Fatal(err) // the object around them is sound
		}
		if len(table.Functions)+table.Unread != 1 {
			t.Fatalf("%d functions and %d unread, of one", len(table.Functions), table.Unread)
		}
	})
}

func compileObject(data []byte, rules *Rules) (*Table, error) {
	return Compile(bytes.NewReader(data), int64(len(data)), rules)
}
