// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"errors"
	"fmt"
)

// Instructions of call frame information (DWARF 5, 7.24). The first three carry
// an operand in their low six bits.
const (
	cfaAdvanceLoc = 0x40
	cfaOffset     = 0x80
	cfaRestore    = 0xc0

	cfaNop            = 0x00
	cfaSetLoc         = 0x01
	cfaAdvanceLoc1    = 0x02
	cfaAdvanceLoc2    = 0x03
	cfaAdvanceLoc4    = 0x04
	cfaOffsetExtended = 0x05
	cfaRestoreExt     = 0x06
	cfaUndefined      = 0x07
	cfaSameValue      = 0x08
	cfaRegister       = 0x09
	cfaRememberState  = 0x0a
	cfaRestoreState   = 0x0b
	cfaDefCFA         = 0x0c
	cfaDefCFARegister = 0x0d
	cfaDefCFAOffset   = 0x0e
	cfaDefCFAExpr     = 0x0f
	cfaExpression     = 0x10
	cfaOffsetExtSF    = 0x11
	cfaDefCFASF       = 0x12
	cfaDefCFAOffsetSF = 0x13
	cfaValOffset      = 0x14
	cfaValOffsetSF    = 0x15
	cfaValExpression  = 0x16
	cfaAdvanceLoc8    = 0x1d // MIPS
	cfaWindowSave     = 0x2d // GNU; on arm64: the return address is signed from here on
	cfaArgsSize       = 0x2e // GNU; what was pushed for a call: the CFA says it too
	cfaNegativeOffset = 0x2f // GNU
)

// depthBound is how many states may be remembered at once.
const depthBound = 64

// state is the rule at one place in the code: that of the CFA and of the
// registers that a walk follows. All others may be anywhere.
type state struct {
	cfa                  cfa
	result, frame, saved place
}

// interpreter runs the instructions of one function.
type interpreter struct {
	frames     *frames
	common     *common
	state      state
	remembered []state
	at         uint64
	row        func(at uint64, s *state) error
}

// start is the state that a common entry begins its functions with.
func (f *frames) start(c *common) (state, error) {
	i := interpreter{frames: f, common: c}
	i.state.frame.where, i.state.saved.where = Same, Same
	if f.machine.result < f.machine.known {
		i.state.result.where = Same // the link register, until it is saved
	}
	// Its own start is what restore would return to; it is still empty here.
	c.initial = i.state
	return i.state, i.run(&cursor{data: c.instructions}, &i.state)
}

// rows calls row for each place from which on another rule holds, in order.
func (f *frames) rows(fn *function, row func(at uint64, s *state) error) error {
	i := interpreter{frames: f, common: fn.common, state: fn.common.initial, at: fn.Start, row: row}
	instructions := fn.instructions
	if err := i.run(&instructions, nil); err != nil {
		return err
	}
	return row(i.at, &i.state)
}

func (i *interpreter) run(c *cursor, out *state) error {
	if i.frames.work -= c.left(); i.frames.work < 0 {
		return errors.New("more instructions than there is room for")
	}
	for c.left() > 0 {
		if err := i.step(c); err != nil {
			return err
		}
		if c.err != nil {
			return c.err
		}
	}
	if out != nil {
		*out = i.state
	}
	return nil
}

// advance ends the row that is open and begins one at another address.
func (i *interpreter) advance(to uint64) error {
	switch {
	case i.row == nil || to == i.at: // a common entry has no place
		return nil
	case to < i.at:
		return errors.New("a location before the last")
	}
	err := i.row(i.at, &i.state)
	i.at = to
	return err
}

func (i *interpreter) step(c *cursor) error {
	code := uint8(c.u8())
	low := uint64(code & 0x3f)
	switch code & 0xc0 {
	case cfaAdvanceLoc:
		return i.advance(i.at + low*i.common.code)
	case cfaOffset:
		i.set(low, i.factored(AtCFA, c.uleb()))
		return nil
	case cfaRestore:
		i.restore(low)
		return nil
	}
	switch code {
	case cfaNop:
	case cfaSetLoc:
		return i.advance(c.pointer(i.common.pointers, i.frames.bases))
	case cfaAdvanceLoc1:
		return i.advance(i.at + c.u8()*i.common.code)
	case cfaAdvanceLoc2:
		return i.advance(i.at + c.u16()*i.common.code)
	case cfaAdvanceLoc4:
		return i.advance(i.at + c.u32()*i.common.code)
	case cfaAdvanceLoc8:
		return i.advance(i.at + c.u64()*i.common.code)
	case cfaRememberState:
		if len(i.remembered) == depthBound {
			return errors.New("too many states to remember")
		}
		i.remembered = append(i.remembered, i.state)
	case cfaRestoreState:
		if len(i.remembered) == 0 {
			return errors.New("a restored state that was not remembered")
		}
		i.state = i.remembered[len(i.remembered)-1]
		i.remembered = i.remembered[:len(i.remembered)-1]
	case cfaDefCFA, cfaDefCFARegister, cfaDefCFAOffset, cfaDefCFAExpr, cfaDefCFASF, cfaDefCFAOffsetSF:
		i.define(code, c)
	case cfaArgsSize:
		c.uleb()
	case cfaWindowSave: // the signature is cut off every return address anyway
	default:
		return i.register(code, c)
	}
	return nil
}

// define sets the CFA.
func (i *interpreter) define(code uint8, c *cursor) {
	switch code {
	case cfaDefCFA:
		i.base(c.uleb(), int64(c.uleb()))
	case cfaDefCFASF:
		register := c.uleb()
		i.base(register, c.sleb()*i.common.data)
	case cfaDefCFARegister:
		i.base(c.uleb(), int64(i.state.cfa.offset))
	case cfaDefCFAOffset:
		i.base(uint64(i.state.cfa.base), int64(c.uleb()))
	case cfaDefCFAOffsetSF:
		i.base(uint64(i.state.cfa.base), c.sleb()*i.common.data)
	case cfaDefCFAExpr:
		i.state.cfa = i.frames.machine.expression(c.bytes(c.uleb()))
	}
}

func (i *interpreter) base(register uint64, offset int64) {
	m := i.frames.machine
	short, fits := small(offset)
	if !fits || register >= m.known && register != m.stack {
		i.state.cfa = cfa{}
		return
	}
	i.state.cfa = cfa{kind: CFARegister, base: uint8(register), offset: short}
}

// register runs the instructions that say where one register is.
func (i *interpreter) register(code uint8, c *cursor) error {
	number := c.uleb()
	switch code {
	case cfaOffsetExtended:
		i.set(number, i.factored(AtCFA, c.uleb()))
	case cfaOffsetExtSF:
		i.set(number, i.factored(AtCFA, uint64(c.sleb())))
	case cfaNegativeOffset:
		i.set(number, i.factored(AtCFA, -c.uleb()))
	case cfaValOffset:
		i.set(number, i.factored(IsCFA, c.uleb()))
	case cfaValOffsetSF:
		i.set(number, i.factored(IsCFA, uint64(c.sleb())))
	case cfaRestoreExt:
		i.restore(number)
	case cfaUndefined:
		i.set(number, place{where: Undefined})
	case cfaSameValue:
		i.set(number, place{where: Same})
	case cfaRegister:
		i.moved(number, c.uleb())
	case cfaExpression:
		i.set(number, i.frames.machine.address(c.bytes(c.uleb())))
	case cfaValExpression:
		c.bytes(c.uleb())
		i.set(number, place{})
	default:
		return fmt.Errorf("an unknown instruction 0x%x", code)
	}
	return nil
}

// factored is a place at an offset that counts in the common entry's units.
func (i *interpreter) factored(where Where, units uint64) place {
	offset, fits := small(int64(units) * i.common.data)
	if !fits {
		return place{}
	}
	return place{where, offset}
}

func (i *interpreter) moved(number, into uint64) {
	if into >= i.frames.machine.known {
		i.set(number, place{})
		return
	}
	i.set(number, place{InRegister, int32(into)})
}

// followed gives where the state keeps a register; nil if it does not.
func (i *interpreter) followed(s *state, number uint64) *place {
	switch number {
	case i.common.result:
		return &s.result
	case i.frames.machine.frame:
		return &s.frame
	case i.frames.machine.saved:
		return &s.saved
	}
	return nil
}

func (i *interpreter) set(number uint64, p place) {
	if of := i.followed(&i.state, number); of != nil {
		*of = p
	}
}

// restore returns a register to the rule of the common entry.
func (i *interpreter) restore(number uint64) {
	if of := i.followed(&i.state, number); of != nil {
		*of = *i.followed(&i.common.initial, number)
	}
}
