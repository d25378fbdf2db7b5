// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// Fields of a template.
const (
	fieldSeq    = iota // the request's number among those of its kind, from 1
	fieldTime          // Unix time at which the request was made
	fieldInt           // a random integer within two bounds
	fieldString        // random letters, digits, - and _
	fieldUUID          // a random UUID (version 4, RFC 9562)
)

// field is a place of a template that differs from request to request.
type field struct {
	kind     int
	low      int64  // int: the lower bound
	span     uint64 // int: how many values there are; 0 for all of 2^64
	unit     int64  // time: ns of one unit
	shortest int    // characters, at least
	widths   int    // how many lengths it can have; seq: those of its digits, not counted here
}

// template is a payload with fields: texts[i] stands before fields[i], and the
// last text behind the last field.
type template struct {
	texts    []string
	fields   []field
	numbered bool // there is a {{seq}}
}

const (
	maxFields = 64
	maxShapes = 32 << 20 // bytes of all the frames that the lengths of a template's numbers make
	maxWidths = 4096     // combinations of these lengths
	seqWidths = 19       // lengths of a {{seq}}
)

// isTemplate: s is no plain payload.
func isTemplate(s string) bool {
	return strings.HasPrefix(s, "template:") || strings.Contains(s, "{{") && !strings.HasPrefix(s, "@")
}

// parseTemplate reads a template, whose fields are {{seq}}, {{time}},
// {{time us}}, {{int 1 100}}, {{string 16}} and {{uuid}}.
func parseTemplate(s string) (*template, error) {
	t := &template{}
	for {
		before, rest, found := strings.Cut(s, "{{")
		t.texts = append(t.texts, before)
		if !found {
			break
		}
		word, after, closed := strings.Cut(rest, "}}")
		if !closed {
			return nil, fmt.Errorf("the field {{%.20s… is not closed with }}", rest)
		}
		f, err := parseField(strings.Fields(word))
		if err != nil {
			return nil, fmt.Errorf("{{%s}}: %w", word, err)
		}
		t.numbered = t.numbered || f.kind == fieldSeq
		if t.fields = append(t.fields, f); len(t.fields) > maxFields {
			return nil, fmt.Errorf("it has more than %d fields", maxFields)
		}
		s = after
	}
	return t, nil
}

func parseField(words []string) (field, error) {
	name := ""
	if len(words) > 0 {
		name, words = words[0], words[1:]
	}
	switch {
	case name == "seq" && len(words) == 0:
		return field{kind: fieldSeq, shortest: 1, widths: 1}, nil
	case name == "time" && len(words) <= 1:
		return parseTime(append(words, "ns")[0])
	case name == "int" && len(words) == 2:
		return parseInt(words[0], words[1])
	case name == "string" && len(words) == 1:
		n, err := strconv.Atoi(words[0])
		if err != nil || n < 1 || n > wire.IPCMaxFrame {
			return field{}, errors.New("the length is a number of characters, from 1 to 4 MiB")
		}
		return field{kind: fieldString, shortest: n, widths: 1}, nil
	case name == "uuid" && len(words) == 0:
		return field{kind: fieldUUID, shortest: 36, widths: 1}, nil
	}
	return field{}, errors.New("there is no such field: say seq, time, time us, int 1 100, string 16 or uuid")
}

// parseTime makes the field of a unit. Until the year 2286 Unix time has ten
// digits before the point.
func parseTime(unit string) (field, error) {
	digits, ns := 0, int64(0)
	switch unit {
	case "s":
		digits, ns = 10, 1_000_000_000
	case "ms":
		digits, ns = 13, 1_000_000
	case "us":
		digits, ns = 16, 1000
	case "ns":
		digits, ns = 19, 1
	default:
		return field{}, errors.New("the unit is s, ms, us or ns")
	}
	return field{kind: fieldTime, unit: ns, shortest: digits, widths: 1}, nil
}

func parseInt(low, high string) (field, error) {
	a, errA := strconv.ParseInt(low, 10, 64)
	b, errB := strconv.ParseInt(high, 10, 64)
	if errA != nil || errB != nil || a > b {
		return field{}, errors.New("the bounds are two whole numbers, the smaller one first")
	}
	shortest, longest := min(intWidth(a), intWidth(b)), max(intWidth(a), intWidth(b))
	if a <= 0 && b >= 0 {
		shortest = 1
	} else if a < 0 && b < 0 {
		shortest = intWidth(b)
	}
	return field{kind: fieldInt, low: a, span: uint64(b) - uint64(a) + 1,
		shortest: shortest, widths: longest - shortest + 1}, nil
}

// sample is the payload with every field filled with c, to its shortest length
// or its longest. Of a {{seq}} that is taken to be six digits.
func (t *template) sample(c string, long bool) []byte {
	return t.text(c, func(i int) int {
		f := &t.fields[i]
		switch {
		case !long:
			return f.shortest
		case f.kind == fieldSeq:
			return 6
		}
		return f.shortest + f.widths - 1
	})
}

// text is the payload with field i filled with width(i) of c.
func (t *template) text(c string, width func(i int) int) []byte {
	var b []byte
	for i := range t.fields {
		b = append(b, t.texts[i]...)
		b = append(b, strings.Repeat(c, width(i))...)
	}
	return append(b, t.texts[len(t.fields)]...)
}

// check says what is wrong with t as requests of a type for a codec. What looks
// like JSON is to be JSON, unless the user said that it is a template.
func (t *template) check(kind uint8, codec wire.Codec, said bool) error {
	for _, long := range []bool{false, true} {
		body := t.sample("1", long)
		if !said && looksJSON(string(body)) && !json.Valid(body) {
			return fmt.Errorf("filled in it looks like JSON, but isn't valid JSON: %.80s", body)
		}
		if len(body) > wire.IPCMaxFrame {
			return errors.New("it may have more than the 4 MiB that a request may have")
		}
		if err := codec.Check(wire.Request{Type: kind, Payload: body}); err != nil {
			return err
		}
	}
	size, shapes := len(t.sample("1", true)), 1
	for i := range t.fields {
		if shapes *= t.fields[i].widths; shapes > maxWidths || shapes*size > maxShapes {
			return errors.New("its numbers have too many lengths: give {{int}} fields bounds of the same length, such as 1000 9999")
		}
	}
	_, err := t.shape(kind, codec, func(i int) int { return t.fields[i].shortest })
	return err
}

// shapes is how many sets of lengths the fields can have.
func (t *template) shapes() int {
	n := 1
	if t.numbered {
		n = seqWidths
	}
	for i := range t.fields {
		n *= t.fields[i].widths
	}
	return n
}

// shape is a template in one set of its fields' lengths, encoded: a frame of
// which only the fields are to be written.
type shape struct {
	frame []byte
	at    []int // where each field begins
}

// shape finds the fields in the encoded frame by encoding it twice, with other
// fields. Every codec keeps a payload's order.
func (t *template) shape(kind uint8, codec wire.Codec, width func(i int) int) (shape, error) {
	s := shape{frame: codec.Encode(nil, wire.Request{Type: kind, Payload: t.text("1", width)})}
	other := codec.Encode(nil, wire.Request{Type: kind, Payload: t.text("2", width)})
	if len(other) != len(s.frame) {
		return s, fmt.Errorf("protocol %s can't send templates", codec.Name())
	}
	at := 0
	for i := range t.fields {
		for at < len(other) && other[at] == s.frame[at] {
			at++
		}
		s.at = append(s.at, at)
		for range width(i) {
			if at >= len(other) || other[at] == s.frame[at] {
				return s, fmt.Errorf("protocol %s can't send templates", codec.Name())
			}
			at++
		}
	}
	return s, nil
}

// digits is how many decimal digits v has.
func digits(v uint64) int {
	// 1233/4096 is just above log10(2); the power of ten decides the rest.
	n := bits.Len64(v|1) * 1233 >> 12
	if v|1 >= powersOfTen[n] {
		n++
	}
	return n
}

// powersOfTen are those that fit in 64 bits.
var powersOfTen = [20]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10,
	1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19}

// intWidth is how many characters v has.
func intWidth(v int64) int {
	if v < 0 {
		return 1 + digits(-uint64(v))
	}
	return digits(uint64(v))
}
