// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"encoding/binary"
	"errors"

	"github.com/ipcprobe/ipcprobe/loader/leb128"
)

// errShort says that an entry ends in the middle of a value.
var errShort = errors.New("cut short")

// How a pointer is encoded (LSB Core, DWARF extensions): the low four bits give
// the form, the next three what it counts from, the highest that the value's
// address is given in its place.
const (
	pointerAbsolute = 0x00
	pointerULEB     = 0x01
	pointerUdata2   = 0x02
	pointerUdata4   = 0x03
	pointerUdata8   = 0x04
	pointerSLEB     = 0x09
	pointerSdata2   = 0x0a
	pointerSdata4   = 0x0b
	pointerSdata8   = 0x0c

	pointerPC       = 0x10
	pointerText     = 0x20
	pointerData     = 0x30
	pointerFunction = 0x40
	pointerAligned  = 0x50
	pointerIndirect = 0x80
	pointerOmitted  = 0xff
)

// cursor reads values one after the other. The first that does not fit makes
// all further ones 0 and stays as err.
type cursor struct {
	data    []byte
	at      int
	address uint64 // of data[0] in the object
	err     error
}

func (c *cursor) left() int { return len(c.data) - c.at }

func (c *cursor) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.at = len(c.data)
}

func (c *cursor) bytes(n uint64) []byte {
	if n > uint64(c.left()) {
		c.fail(errShort)
		return nil
	}
	b := c.data[c.at : c.at+int(n)]
	c.at += int(n)
	return b
}

func (c *cursor) u8() uint64 {
	if b := c.bytes(1); b != nil {
		return uint64(b[0])
	}
	return 0
}

func (c *cursor) u16() uint64 {
	if b := c.bytes(2); b != nil {
		return uint64(binary.LittleEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) u32() uint64 {
	if b := c.bytes(4); b != nil {
		return uint64(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) u64() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// uleb reads an unsigned LEB128 value; bits beyond the 64th are lost.
func (c *cursor) uleb() uint64 {
	value, n := leb128.Unsigned(c.data[c.at:])
	c.pass(n)
	return value
}

// sleb reads a signed one.
func (c *cursor) sleb() int64 {
	value, n := leb128.Signed(c.data[c.at:])
	c.pass(n)
	return value
}

// pass goes on behind a value of n bytes; 0: it does not fit.
func (c *cursor) pass(n int) {
	if n == 0 {
		c.fail(errShort)
	}
	c.at += n
}

// text reads up to a zero byte.
func (c *cursor) text() string {
	start := c.at
	for c.at < len(c.data) {
		c.at++
		if c.data[c.at-1] == 0 {
			return string(c.data[start : c.at-1])
		}
	}
	c.fail(errShort)
	return ""
}

// bases are what an encoded pointer can count from.
type bases struct {
	text, data, function uint64
	// indirect gives the word that stands at an address of the object.
	indirect func(address uint64) (uint64, bool)
}

// pointer reads a pointer in the encoding. A value of 0 is a null pointer,
// whatever it counts from.
func (c *cursor) pointer(encoding uint8, b bases) uint64 {
	if encoding == pointerOmitted {
		return 0
	}
	if encoding&0x70 == pointerAligned {
		for (c.address+uint64(c.at))%8 != 0 && c.err == nil {
			c.u8()
		}
		return c.u64()
	}
	here := c.address + uint64(c.at)
	value := c.value(encoding & 0x0f)
	if value == 0 || c.err != nil {
		return 0
	}
	switch encoding & 0x70 {
	case 0:
	case pointerPC:
		value += here
	case pointerText:
		value += b.text
	case pointerData:
		value += b.data
	case pointerFunction:
		value += b.function
	default:
		c.fail(errors.New("a pointer that counts from an unknown base"))
		return 0
	}
	if encoding&pointerIndirect != 0 {
		word, ok := b.indirect(value)
		if !ok {
			c.fail(errors.New("an indirect pointer to no memory"))
		}
		return word
	}
	return value
}

// value reads a number in one of the forms, sign extended.
func (c *cursor) value(form uint8) uint64 {
	switch form {
	case pointerAbsolute, pointerUdata8, pointerSdata8:
		return c.u64()
	case pointerULEB:
		return c.uleb()
	case pointerUdata2:
		return c.u16()
	case pointerUdata4:
		return c.u32()
	case pointerSLEB:
		return uint64(c.sleb())
	case pointerSdata2:
		return uint64(int16(c.u16()))
	case pointerSdata4:
		return uint64(int32(c.u32()))
	}
	c.fail(errors.New("a pointer of unknown form"))
	return 0
}
