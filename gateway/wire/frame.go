// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Counts is what the length field of a frame counts.
type Counts uint8

// What a length can count.
const (
	CountsPayload Counts = iota // the bytes after the header
	CountsRest                  // the bytes after the length field
	CountsAll                   // the whole frame
)

// frameHeaderMax bounds the header of a frame in bytes.
const frameHeaderMax = 256

// Frame is the codec of any protocol whose messages begin with a header of fixed
// size that holds the length. It does not know an error from a good answer.
// ParseFrame makes one; the zero value is not of use.
type Frame struct {
	name   string
	header string // as sent; the length field is zero
	offset int    // of the length field in the header
	size   int    // bytes of the length field: 1, 2, 4 or 8
	little bool   // byte order
	counts Counts
	kind   int    // where in the header the request's type stands; -1: nowhere
	max    uint64 // bytes of the largest frame
}

// ParseFrame reads the description of a framing, comma-separated:
//
//	size=4          bytes of the length field: 1, 2, 4 or 8
//	order=big       its byte order: big or little
//	offset=0        bytes before the length field
//	header=N        bytes before the payload (default: up to the length field's end)
//	counts=payload  what the length counts: payload, rest (all that follows the
//	                length field) or all (the whole frame)
//	fill=HEX        the header as sent, the length left 0 (default: zeros)
//	type=N          offset in the header of the byte that gets the request's type
//	max=4194304     bytes of the largest frame, at most 1 GiB
//
// The ipc protocol, for example, is size=4,header=6,counts=all,fill=000000000100,type=5.
func ParseFrame(description string) (Codec, error) {
	f := Frame{name: "frame:" + description, size: 4, kind: -1, max: 4 << 20}
	header, fill := -1, ""
	if description == "" {
		f.name = "frame"
	}
	for _, pair := range strings.FieldsFunc(description, func(r rune) bool { return r == ',' }) {
		key, value, _ := strings.Cut(pair, "=")
		var err error
		switch key {
		case "size":
			f.size, err = number(value, 1, 8)
		case "offset":
			f.offset, err = number(value, 0, frameHeaderMax-1)
		case "header":
			header, err = number(value, 1, frameHeaderMax)
		case "type":
			f.kind, err = number(value, 0, frameHeaderMax-1)
		case "max":
			var n int
			n, err = number(value, 1, 1<<30)
			f.max = uint64(n)
		case "fill":
			fill = value
		case "order":
			f.little, err = choice(value, "big", "little")
		case "counts":
			f.counts, err = counts(value)
		default:
			err = errors.New("is not known: say size, order, offset, header, counts, fill, type or max")
		}
		if err != nil {
			return nil, fmt.Errorf("protocol frame: %s %w", key, err)
		}
	}
	if header < 0 {
		header = f.offset + f.size
	}
	if err := f.settle(header, fill); err != nil {
		return nil, fmt.Errorf("protocol frame: %w", err)
	}
	return f, nil
}

// settle checks the fields against each other and sets the header.
func (f *Frame) settle(header int, fill string) error {
	switch {
	case f.size != 1 && f.size != 2 && f.size != 4 && f.size != 8:
		return fmt.Errorf("size is %d: say 1, 2, 4 or 8", f.size)
	case f.offset+f.size > header:
		return fmt.Errorf("the length field ends at byte %d, outside the header of %d bytes", f.offset+f.size, header)
	case f.kind >= header || (f.kind >= f.offset && f.kind < f.offset+f.size):
		return fmt.Errorf("type=%d is not a byte of the header beside the length field", f.kind)
	case f.max < uint64(header):
		return fmt.Errorf("max=%d is below the header's %d bytes", f.max, header)
	}
	b := make([]byte, header)
	if fill != "" {
		given, err := hex.DecodeString(fill)
		if err != nil || len(given) != header {
			return fmt.Errorf("fill=%s is not %d bytes in hexadecimal", fill, header)
		}
		copy(b, given)
		clear(b[f.offset : f.offset+f.size])
	}
	f.header = string(b)
	return nil
}

func number(text string, low, high int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("is %q: say %d to %d", text, low, high)
	}
	return n, nil
}

func choice(text, no, yes string) (bool, error) {
	if text != no && text != yes {
		return false, fmt.Errorf("is %q: say %s or %s", text, no, yes)
	}
	return text == yes, nil
}

func counts(text string) (Counts, error) {
	for i, name := range []string{"payload", "rest", "all"} {
		if text == name {
			return Counts(i), nil
		}
	}
	return 0, fmt.Errorf("is %q: say payload, rest or all", text)
}

// uncounted is the number of a frame's bytes that its length leaves out.
func (f Frame) uncounted() uint64 {
	switch f.counts {
	case CountsAll:
		return 0
	case CountsRest:
		return uint64(f.offset + f.size)
	default:
		return uint64(len(f.header))
	}
}

// Name returns the description the codec was made from.
func (f Frame) Name() string { return f.name }

// Check refuses a payload that the length field or the largest frame has no room for.
func (f Frame) Check(r Request) error {
	total := uint64(len(f.header)) + uint64(len(r.Payload))
	room := f.max
	if f.size < 8 {
		room = min(room, 1<<(8*f.size)-1+f.uncounted())
	}
	if total > room {
		return fmt.Errorf("payload of %d bytes is too large: this framing takes at most %d",
			len(r.Payload), room-uint64(len(f.header)))
	}
	return nil
}

// Encode appends the header, with the length set, and the payload.
func (f Frame) Encode(dst []byte, r Request) []byte {
	at := len(dst)
	dst = append(dst, f.header...)
	length := uint64(len(f.header)+len(r.Payload)) - f.uncounted()
	field := dst[at+f.offset : at+f.offset+f.size]
	for i := range field {
		shift := 8 * i
		if !f.little {
			shift = 8 * (f.size - 1 - i)
		}
		field[i] = byte(length >> shift)
	}
	if f.kind >= 0 {
		dst[at+f.kind] = r.Type
	}
	return append(dst, r.Payload...)
}

// Next takes a frame, or what is there of a frame above PartMin bytes.
func (f Frame) Next(buf []byte, at *Cursor) (Step, error) {
	if at.left == 0 {
		if len(buf) < f.offset+f.size {
			return Step{}, nil
		}
		total, err := f.total(buf)
		if err != nil {
			return Step{}, err
		}
		if len(buf) < len(f.header) || (uint64(len(buf)) < total && total <= PartMin) {
			return Step{}, nil
		}
		at.left = total
	}
	if uint64(len(buf)) < at.left {
		at.left -= uint64(len(buf))
		return at.part(len(buf)), nil
	}
	return at.end(int(at.left)), nil
}

// total is the size of the frame at the head of buf, which holds the length field.
func (f Frame) total(buf []byte) (uint64, error) {
	var length uint64
	field := buf[f.offset : f.offset+f.size]
	for i := range field {
		if f.little {
			length |= uint64(field[i]) << (8 * i)
		} else {
			length = length<<8 | uint64(field[i])
		}
	}
	// The first comparison keeps the sum from overflowing.
	if length > f.max || length+f.uncounted() > f.max || length+f.uncounted() < uint64(len(f.header)) {
		return 0, badFrame("length %d does not make a frame of %d to %d bytes", length, len(f.header), f.max)
	}
	return length + f.uncounted(), nil
}

// Detail has nothing to tell: frames of this kind carry no outcome.
func (f Frame) Detail([]byte, Step) string { return "answer" }
