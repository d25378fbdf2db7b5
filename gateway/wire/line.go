// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
)

// LineMax is the length in bytes of the longest line taken for an answer.
const LineMax = 64 << 20

// Line is the codec of protocols whose messages end with a newline, as JSON lines
// do. An answer that is a JSON object is an error when its first PartMin bytes hold,
// at the top level, a member "error" that is not null, false or an empty string, or
// a member "ok" or "success" that is false. Any other line is a good answer.
type Line struct{}

// Name returns "line".
func (Line) Name() string { return "line" }

// Check refuses a payload with a line break in it.
func (Line) Check(r Request) error {
	if bytes.IndexByte(r.Payload, '\n') >= 0 {
		return errors.New("the payload has a line break: protocol line ends a request there")
	}
	return nil
}

// Encode appends the payload and a newline.
func (Line) Encode(dst []byte, r Request) []byte {
	return append(append(dst, r.Payload...), '\n')
}

// Next takes a line, or what is there of a line above PartMin bytes.
func (Line) Next(buf []byte, at *Cursor) (Step, error) {
	end := bytes.IndexByte(buf, '\n')
	size := end + 1
	if end < 0 {
		if at.taken == 0 && len(buf) <= PartMin {
			return Step{}, nil
		}
		size = len(buf)
	}
	if at.taken+uint64(size) > LineMax {
		return Step{}, badFrame("line above %d bytes", LineMax)
	}
	if at.taken == 0 {
		at.failed = lineFailed(buf[:min(size, PartMin)])
	}
	if end < 0 {
		return at.part(size), nil
	}
	return at.end(size), nil
}

// Detail quotes the line that was an error, as far as it stands in part.
func (Line) Detail(part []byte, s Step) string {
	if s.OK {
		return "answer"
	}
	return "error: " + printable(string(bytes.TrimSpace(part[:min(len(part), 300)])))
}

// lineFailed looks at the members of a JSON object at the top level; text may be
// cut off anywhere.
func lineFailed(text []byte) bool {
	j := scanner{text: text}
	if j.skip(); !j.eat('{') {
		return false
	}
	for {
		key, ok := j.str()
		if !ok || !j.eat(':') {
			return false
		}
		value, ok := j.value()
		if !ok {
			return false
		}
		switch string(key) {
		case "error":
			switch string(value) {
			case "null", "false", `""`:
			default:
				return true
			}
		case "ok", "success":
			if string(value) == "false" {
				return true
			}
		}
		if !j.eat(',') {
			return false
		}
	}
}

// scanner walks over JSON without understanding more than where values end.
type scanner struct {
	text []byte
	at   int
}

func (j *scanner) skip() {
	for j.at < len(j.text) && (j.text[j.at] == ' ' || j.text[j.at] == '\t' || j.text[j.at] == '\r') {
		j.at++
	}
}

// eat takes c, with the white space around it.
func (j *scanner) eat(c byte) bool {
	j.skip()
	if j.at == len(j.text) || j.text[j.at] != c {
		return false
	}
	j.at++
	j.skip()
	return true
}

// str takes a string and returns what stands between the quotes, as written.
func (j *scanner) str() ([]byte, bool) {
	if j.at == len(j.text) || j.text[j.at] != '"' {
		return nil, false
	}
	from := j.at + 1
	for i := from; i < len(j.text); i++ {
		switch j.text[i] {
		case '\\':
			i++
		case '"':
			j.at = i + 1
			return j.text[from:i], true
		}
	}
	return nil, false
}

// value takes any value and returns it as written. An object or array whose end is
// not there counts as taken: what matters of it, that it is there, is known.
func (j *scanner) value() ([]byte, bool) {
	from, depth := j.at, 0
	for j.at < len(j.text) {
		switch c := j.text[j.at]; c {
		case '"':
			if _, ok := j.str(); !ok {
				j.at = len(j.text)
				return j.text[from:], true
			}
			continue
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				return bytes.TrimRight(j.text[from:j.at], " \t\r"), j.at > from
			}
			if c != ',' {
				depth--
			}
		}
		j.at++
	}
	return j.text[from:], j.at > from && depth > 0
}
