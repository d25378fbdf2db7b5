// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"errors"
	"fmt"
)

// common is a common information entry: what the functions that refer to it
// share.
type common struct {
	code         uint64 // factor of advances
	data         int64  // factor of offsets
	result       uint64 // the register of the return address
	pointers     uint8  // how addresses are encoded
	sized        bool   // entries carry the length of their augmentation
	signal       bool
	wide         bool // the identifier takes 8 bytes
	instructions []byte
	initial      state
	err          error // why its functions can't be read
}

// function is a frame description entry.
type function struct {
	Range
	common       *common
	instructions cursor
}

// body cuts the entry at an offset of the section out: its length, 4 bytes or
// 12, and that many bytes. A length of 0 ends the section.
func (f *frames) body(offset uint64) (body cursor, next uint64, wide bool, err error) {
	if offset >= uint64(len(f.data)) {
		return body, 0, false, errShort
	}
	c := cursor{data: f.data[offset:], address: f.address + offset}
	length := c.u32()
	if wide = length == 0xffffffff; wide {
		length = c.u64()
	}
	if c.err != nil || length > uint64(c.left()) {
		return body, 0, wide, errShort
	}
	start := offset + uint64(c.at)
	body = cursor{data: f.data[start : start+length], address: f.address + start}
	return body, start + length, wide, nil
}

// commonAt reads the common information entry at an offset, once.
func (f *frames) commonAt(offset uint64) *common {
	if known := f.commons[offset]; known != nil {
		return known
	}
	c := &common{}
	f.commons[offset] = c
	body, _, wide, err := f.body(offset)
	if err != nil {
		c.err = err
		return c
	}
	if c.err = c.read(body, wide, f); c.err == nil {
		c.initial, c.err = f.start(c)
	}
	return c
}

// read parses an entry's body. Its identifier has 4 bytes (LSB), also behind an
// extended length; some writers make it 8 there, which shows as version 0.
func (c *common) read(body cursor, wide bool, f *frames) error {
	if id := body.u32(); id != 0 {
		return errors.New("a function that refers to no common entry")
	}
	version := body.u8()
	if wide && version == 0 {
		body.bytes(3)
		c.wide = true
		version = body.u8()
	}
	if body.err == nil && version != 1 && version != 3 && version != 4 {
		return fmt.Errorf("a common entry of version %d", version)
	}
	augmentation := body.text()
	if augmentation == "eh" {
		body.u64() // a pointer of old compilers
		augmentation = ""
	}
	if version == 4 {
		if size, segment := body.u8(), body.u8(); body.err == nil && (size != 8 || segment != 0) {
			return fmt.Errorf("a common entry for addresses of %d bytes", size)
		}
	}
	c.code, c.data = body.uleb(), body.sleb()
	if version == 1 {
		c.result = body.u8()
	} else {
		c.result = body.uleb()
	}
	if err := c.augment(augmentation, &body, f); err != nil {
		return err
	}
	if body.err != nil {
		return body.err
	}
	c.instructions = body.data[body.at:]
	return nil
}

// augment takes the part that the letters of the augmentation describe. With a
// z in front its length is known and a letter that is not can be skipped.
func (c *common) augment(letters string, body *cursor, f *frames) error {
	if letters == "" {
		return nil
	}
	if letters[0] != 'z' {
		return fmt.Errorf("a common entry with the augmentation %q", letters)
	}
	c.sized = true
	length := body.uleb()
	if length > uint64(body.left()) {
		return errShort
	}
	part := cursor{data: body.data[:body.at+int(length)], at: body.at, address: body.address}
	body.at += int(length)
	for _, letter := range letters[1:] {
		switch letter {
		case 'R':
			c.pointers = uint8(part.u8())
		case 'S':
			c.signal = true
		case 'L':
			part.u8()
		case 'P':
			// Nobody follows it here, so it is read where it stands.
			encoding := uint8(part.u8())
			part.pointer(encoding&^pointerIndirect, f.bases)
		case 'B', 'G': // keys of return addresses, tagged stacks: no data
		default:
			return part.err
		}
	}
	return part.err
}

// functionAt reads the frame description entry at an offset. A common entry
// gives ok false and no error.
func (f *frames) functionAt(offset uint64) (fn function, next uint64, ok bool, err error) {
	body, next, wide, err := f.body(offset)
	if err != nil || len(body.data) == 0 {
		return fn, 0, false, err
	}
	back := body.u32()
	if back == 0 {
		return fn, next, false, nil
	}
	at := body.address - f.address // of the reference, which counts from itself
	if back > at {
		return fn, next, false, errors.New("a function that refers to no common entry")
	}
	fn.common = f.commonAt(at - back)
	if fn.common.err != nil {
		return fn, next, false, fn.common.err
	}
	if wide && fn.common.wide {
		body.u32()
	}
	fn.Start = body.pointer(fn.common.pointers, f.bases)
	length := body.value(fn.common.pointers & 0x0f)
	if fn.common.sized {
		body.bytes(body.uleb())
	}
	fn.End = fn.Start + length
	if body.err == nil && fn.End < fn.Start {
		body.err = errors.New("a function that ends before it starts")
	}
	fn.instructions = body
	return fn, next, body.err == nil, body.err
}
