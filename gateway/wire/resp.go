// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"strings"
)

const (
	// RESPMaxBulk is the length in bytes of the largest string in a reply.
	RESPMaxBulk = 1 << 30

	respLineMax  = 16 << 10 // bytes of a simple string or error
	decimalMax   = 32       // bytes of a line that holds a length
	respItemsMax = 1 << 40  // replies owed to one answer, in arrays of arrays
)

// RESP is the codec of Redis, versions 2 and 3 of its protocol. Step.Code is the
// first byte of the reply; one that begins with '-' or '!' is an error. Messages
// pushed out of turn ('>') and attributes ('|') are taken along with the reply
// that follows them.
//
// A payload is a command as one types it in redis-cli: words, in double quotes
// where there are spaces, with \n, \r, \t, \\, \" and \xHH inside quotes. A payload
// that begins with '*' is sent as it is.
type RESP struct{}

// Name returns "resp".
func (RESP) Name() string { return "resp" }

// stages of a resp cursor
const (
	respHead = iota // before the line that starts a reply, or a part of one
	respBody        // inside the bytes of a string
	respTail        // before the line break after them
)

// Next takes all that is there of one answer.
func (RESP) Next(buf []byte, at *Cursor) (Step, error) {
	n := 0
	for {
		took, done, err := respNext(buf[n:], at)
		n += took
		switch {
		case err != nil:
			return Step{}, err
		case done:
			return at.end(n), nil
		case took == 0 && n == 0:
			return Step{}, nil
		case took == 0:
			return at.part(n), nil
		}
	}
}

// respNext takes one piece: a line, bytes of a string, or the break after it. done:
// it was the answer's last.
func respNext(buf []byte, at *Cursor) (took int, done bool, err error) {
	switch at.state {
	case respBody:
		took = int(min(uint64(len(buf)), at.left))
		if at.left -= uint64(took); at.left == 0 {
			at.state = respTail
		}
		return took, false, nil
	case respTail:
		switch {
		case len(buf) >= 1 && buf[0] != '\r', len(buf) >= 2 && buf[1] != '\n':
			return 0, false, badFrame("no line break after a string")
		case len(buf) < 2:
			return 0, false, nil
		}
		at.state = respHead
		at.items--
		return 2, at.items == 0, nil
	}
	return respLine(buf, at)
}

// respLine takes the line that starts a reply or one of its parts.
func respLine(buf []byte, at *Cursor) (took int, done bool, err error) {
	if len(buf) == 0 {
		return 0, false, nil
	}
	kind := buf[0]
	if strings.IndexByte("+-:$*_#,(!=%~>|", kind) < 0 {
		return 0, false, badFrame("byte 0x%02x starts no reply", kind)
	}
	limit := respLineMax
	if strings.IndexByte("$*!=%~>|", kind) >= 0 {
		limit = decimalMax
	}
	end := bytes.IndexByte(buf[:min(len(buf), limit)], '\n')
	if end < 0 {
		if len(buf) >= limit {
			return 0, false, badFrame("line of type %q above %d bytes", kind, limit)
		}
		return 0, false, nil
	}
	if buf[end-1] != '\r' { // end is not 0: the line begins with its type
		return 0, false, badFrame("line of type %q without a carriage return", kind)
	}
	took = end + 1
	first := at.items == 0
	if first {
		at.items = 1
	}
	top := at.items == 1 && at.code == 0
	if top && kind != '>' && kind != '|' {
		at.code = uint16(kind)
		at.failed = kind == '-' || kind == '!'
	}
	if limit == respLineMax {
		at.items--
		return took, at.items == 0, nil
	}
	return respLength(buf, end-1, at, top, first)
}

// respLength acts on the length in a line, which stands in buf up to end.
func respLength(buf []byte, end int, at *Cursor, top, first bool) (took int, done bool, err error) {
	kind := buf[0]
	took = end + 2
	n, ok := decimal(buf[1:end])
	switch {
	case !ok && string(buf[1:end]) == "-1" && (kind == '$' || kind == '*'): // null
		at.items--
		return took, at.items == 0, nil
	case !ok:
		return 0, false, badFrame("length %q", buf[1:end])
	}
	switch kind {
	case '$', '=', '!':
		if n > RESPMaxBulk {
			return 0, false, badFrame("string of %d bytes, above %d", n, RESPMaxBulk)
		}
		if kind == '!' && first && took+int(n)+2 <= PartMin && len(buf) < took+int(n)+2 {
			*at = Cursor{} // errors are small: wait for the whole one
			return 0, false, nil
		}
		at.left, at.state = n, respBody
		if n == 0 {
			at.state = respTail
		}
		return took, false, nil
	case '>':
		if !top {
			return 0, false, badFrame("a push inside a reply")
		}
	case '%':
		n, at.items = 2*n, at.items-1
	case '|':
		n *= 2
	default:
		at.items--
	}
	if n > respItemsMax || at.items > respItemsMax-n {
		return 0, false, badFrame("more than %d replies in one", uint64(respItemsMax))
	}
	at.items += n
	return took, at.items == 0, nil
}

// decimal reads decimal digits, at most 18 of them.
func decimal(b []byte) (uint64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

// Detail quotes an error, and names the kind of any other reply.
func (RESP) Detail(part []byte, s Step) string {
	switch {
	case s.Code == 0:
		return "reply that is not whole yet"
	case s.OK || len(part) == 0:
		return "reply of type " + string(rune(s.Code))
	}
	text := part[1:]
	if part[0] == '!' { // a line with the length comes first
		_, text, _ = bytes.Cut(part, []byte("\r\n"))
	}
	return "error: " + printable(string(bytes.TrimSpace(text[:min(len(text), 300)])))
}
