// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"encoding/binary"

	"github.com/ipcprobe/ipcprobe/loader/leb128"
)

// cursor reads what a file of the target's holds. Behind the end there are zeros,
// and broken says so.
type cursor struct {
	data   []byte
	order  binary.ByteOrder
	broken bool
}

func (c *cursor) take(n uint64) []byte {
	if n > uint64(len(c.data)) {
		c.broken, c.data = true, nil
		return make([]byte, min(n, 8))
	}
	b := c.data[:n]
	c.data = c.data[n:]
	return b
}

func (c *cursor) u8() byte    { return c.take(1)[0] }
func (c *cursor) u16() uint16 { return c.order.Uint16(c.take(2)) }
func (c *cursor) u32() uint32 { return c.order.Uint32(c.take(4)) }
func (c *cursor) u64() uint64 { return c.order.Uint64(c.take(8)) }

// offset is one of 32-bit DWARF or, if wide, of 64-bit DWARF.
func (c *cursor) offset(wide bool) uint64 {
	if wide {
		return c.u64()
	}
	return uint64(c.u32())
}

// unitLength says how long what follows is, and which of both DWARFs it is.
func (c *cursor) unitLength() (length uint64, wide bool) {
	length = uint64(c.u32())
	if length == 0xffffffff {
		return c.u64(), true
	}
	return length, false
}

func (c *cursor) uleb() uint64 {
	value, n := leb128.Unsigned(c.data)
	c.pass(n)
	return value
}

func (c *cursor) sleb() int64 {
	value, n := leb128.Signed(c.data)
	c.pass(n)
	return value
}

// pass goes on behind a value of n bytes; 0: it breaks off.
func (c *cursor) pass(n int) {
	if n == 0 {
		c.broken, c.data = true, nil
		return
	}
	c.data = c.data[n:]
}

// string is the text up to the next zero, which is passed over.
func (c *cursor) string() []byte {
	for i, b := range c.data {
		if b == 0 {
			return c.take(uint64(i) + 1)[:i]
		}
	}
	c.broken, c.data = true, nil
	return nil
}
