// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"math"
	"math/bits"
)

// Operations of DWARF expressions (DWARF 5, 7.7.1) that occur in call frame
// information.
const (
	opDeref      = 0x06
	opConst1u    = 0x08
	opConst1s    = 0x09
	opConst2u    = 0x0a
	opConst2s    = 0x0b
	opConst4u    = 0x0c
	opConst4s    = 0x0d
	opConst8u    = 0x0e
	opConst8s    = 0x0f
	opConstu     = 0x10
	opConsts     = 0x11
	opAnd        = 0x1a
	opMul        = 0x1e
	opPlus       = 0x22
	opPlusUconst = 0x23
	opShl        = 0x24
	opGe         = 0x2a
	opLit0       = 0x30
	opLit31      = 0x4f
	opBreg0      = 0x70
	opBreg31     = 0x8f
	opBregx      = 0x92
	opUnknown    = 0xff
)

// operation is one operation; all that push a constant are opConsts here, and
// all that push a register's value plus an offset opBregx.
type operation struct {
	code     uint8
	register uint64
	value    int64
}

// expressionBound is the longest that is looked at: the longest known has nine.
const expressionBound = 16

func operations(data []byte) []operation {
	c := cursor{data: data}
	var list []operation
	for c.left() > 0 && len(list) <= expressionBound {
		op := c.operation()
		if c.err != nil {
			op = operation{code: opUnknown}
		}
		list = append(list, op)
	}
	return list
}

func (c *cursor) operation() operation {
	code := uint8(c.u8())
	constant := func(value int64) operation { return operation{code: opConsts, value: value} }
	switch {
	case code >= opLit0 && code <= opLit31:
		return constant(int64(code - opLit0))
	case code >= opBreg0 && code <= opBreg31:
		return operation{code: opBregx, register: uint64(code - opBreg0), value: c.sleb()}
	}
	switch code {
	case opBregx:
		register := c.uleb()
		return operation{code: opBregx, register: register, value: c.sleb()}
	case opConst1u:
		return constant(int64(c.u8()))
	case opConst1s:
		return constant(int64(int8(c.u8())))
	case opConst2u:
		return constant(int64(c.u16()))
	case opConst2s:
		return constant(int64(int16(c.u16())))
	case opConst4u:
		return constant(int64(c.u32()))
	case opConst4s:
		return constant(int64(int32(c.u32())))
	case opConst8u, opConst8s:
		return constant(int64(c.u64()))
	case opConstu:
		return constant(int64(c.uleb()))
	case opConsts:
		return constant(c.sleb())
	case opPlusUconst:
		return operation{code: opPlusUconst, value: int64(c.uleb())}
	case opDeref, opAnd, opMul, opPlus, opShl, opGe:
		return operation{code: code}
	}
	return operation{code: opUnknown}
}

// codes says whether a list begins with the operations.
func codes(list []operation, want ...uint8) bool {
	if len(list) < len(want) {
		return false
	}
	for i, code := range want {
		if list[i].code != code {
			return false
		}
	}
	return true
}

// small makes an offset of a value, if it fits.
func small(value int64) (int32, bool) {
	return int32(value), value >= math.MinInt32 && value <= math.MaxInt32
}

// cfa is how the CFA is found.
type cfa struct {
	kind               Kind
	base, index, shift uint8
	offset, add        int32
}

// expression recognises the forms in which compilers, linkers and people write
// a CFA; CFAUnsupported is what it does not know.
func (m machine) expression(data []byte) cfa {
	list := operations(data)
	if !codes(list, opBregx) || list[0].register >= m.known && list[0].register != m.stack {
		return cfa{}
	}
	offset, fits := small(list[0].value)
	if !fits {
		return cfa{}
	}
	c := cfa{base: uint8(list[0].register), offset: offset}
	list = list[1:]
	switch {
	case m.linkage(list, &c):
		return c
	case codes(list, opDeref):
		c.kind = CFALoad
		list = list[1:]
	case codes(list, opBregx, opConsts, opMul, opPlus, opDeref):
		if !m.indexed(list, &c) {
			return cfa{}
		}
		list = list[5:]
	default:
		c.kind = CFARegister
	}
	add, ok := addition(list)
	if c.kind == CFARegister {
		c.offset, fits = small(int64(c.offset) + int64(add))
	} else {
		c.add = add
	}
	if !ok || !fits {
		return cfa{}
	}
	return c
}

// indexed takes register + offset, times a power of two.
func (m machine) indexed(list []operation, c *cfa) bool {
	scale := list[1].value
	if list[0].register >= m.known || scale <= 0 || bits.OnesCount64(uint64(scale)) != 1 || scale > 8 {
		return false
	}
	offset, fits := small(int64(c.offset) + list[0].value*scale)
	c.kind, c.index, c.shift = CFAIndexed, uint8(list[0].register), uint8(bits.TrailingZeros64(uint64(scale)))
	c.offset = offset
	return fits && list[0].value < math.MaxInt32 && list[0].value > math.MinInt32
}

// linkage recognises what linkers write for a PLT: an entry of 16 bytes pushes a
// word, and behind the push (byte 11, or 10, 9 in other layouts) the frame is 8
// bytes larger. rsp + 8 + ((rip & 15) >= 11) << 3.
func (m machine) linkage(list []operation, c *cfa) bool {
	if len(list) != 8 || !codes(list, opBregx, opConsts, opAnd, opConsts, opGe, opConsts, opShl, opPlus) {
		return false
	}
	if list[0].register != m.pc || list[0].value != 0 || list[1].value != 15 || list[5].value != 3 {
		return false
	}
	if list[3].value < 0 || list[3].value > 15 {
		return false
	}
	c.kind, c.add = CFAStub, int32(list[3].value)
	return true
}

// addition takes what is added in the end, if anything.
func addition(list []operation) (int32, bool) {
	switch {
	case len(list) == 0:
		return 0, true
	case len(list) == 1 && codes(list, opPlusUconst), len(list) == 2 && codes(list, opConsts, opPlus):
		return small(list[0].value)
	}
	return 0, false
}

// place is where the value of a register is.
type place struct {
	where  Where
	offset int32
}

// address recognises the address at which a register was saved.
func (m machine) address(data []byte) place {
	list := operations(data)
	if len(list) == 0 || list[0].code != opBregx {
		return place{}
	}
	add, ok := addition(list[1:])
	offset, fits := small(list[0].value + int64(add))
	if !ok || !fits || list[0].value > math.MaxInt32 || list[0].value < math.MinInt32 {
		return place{}
	}
	switch list[0].register {
	case m.stack:
		return place{AtStack, offset}
	case m.frame:
		return place{AtFrame, offset}
	}
	return place{}
}
