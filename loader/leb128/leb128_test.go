// SPDX-License-Identifier: Apache-2.0

package leb128

import (
	"bytes"
	"testing"
)

// Rows are the standard's own examples (DWARF 5, figures 22 and 23), and edges.
func TestNumbers(t *testing.T) {
	long := append(bytes.Repeat([]byte{0x80}, 20), 0x7f)
	for _, row := range []struct {
		data     []byte
		unsigned uint64
		signed   int64
		n        int
	}{
		{[]byte{2}, 2, 2, 1},
		{[]byte{0x7f}, 127, -1, 1},
		{[]byte{0x7e}, 126, -2, 1},
		{[]byte{0x80, 0x01}, 128, 128, 2},
		{[]byte{0xff, 0x00}, 127, 127, 2},
		{[]byte{0x81, 0x7f}, 16257, -127, 2},
		{[]byte{0x80, 0x7f}, 16256, -128, 2},
		{[]byte{0xb9, 0x64, 0xff}, 12857, -3527, 2},
		{bytes.Repeat([]byte{0xff}, 9), 1<<63 - 1, 1<<63 - 1, 0},
		{append(bytes.Repeat([]byte{0xff}, 9), 0x7f), 1<<64 - 1, -1, 10},
		{long, 0, 0, len(long)},
		{nil, 0, 0, 0},
	} {
		if v, n := Unsigned(row.data); v != row.unsigned || n != row.n {
			t.Errorf("% x is %d of %d bytes, want %d of %d", row.data, v, n, row.unsigned, row.n)
		}
		if v, n := Signed(row.data); v != row.signed || n != row.n {
			t.Errorf("% x is %d of %d bytes, want %d of %d", row.data, v, n, row.signed, row.n)
		}
	}
}
