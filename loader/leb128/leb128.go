// SPDX-License-Identifier: Apache-2.0

// Package leb128 reads the numbers of variable length that DWARF is written in
// (DWARF 5, 7.6).
package leb128

// Unsigned reads the number that data begins with, of n bytes; bits beyond the 64th
// are lost. n is 0 if data ends in the middle of it, and value what was there.
func Unsigned(data []byte) (value uint64, n int) {
	for i, b := range data {
		value |= uint64(b&0x7f) << (7 * i) // nothing from the 64th bit on
		if b&0x80 == 0 {
			return value, i + 1
		}
	}
	return value, 0
}

// Signed reads a signed one, as Unsigned does.
func Signed(data []byte) (value int64, n int) {
	unsigned, n := Unsigned(data)
	value = int64(unsigned)
	if bits := 7 * n; 0 < bits && bits < 64 && data[n-1]&0x40 != 0 {
		value |= -1 << bits
	}
	return value, n
}
