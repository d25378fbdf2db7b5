// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"strconv"
)

// Check refuses a command without words, with a quote that is not closed, or, where
// it is sent as it is, one that is not exactly one array.
func (RESP) Check(r Request) error {
	if len(r.Payload) > 0 && r.Payload[0] == '*' {
		var at Cursor
		s, err := RESP{}.Next(r.Payload, &at)
		if err != nil || !s.End || s.N != len(r.Payload) {
			return errors.New("the payload begins with * but is not one whole RESP array")
		}
		return nil
	}
	words := 0
	for rest := r.Payload; ; words++ {
		w, tail := nextWord(rest)
		if w.open {
			return errors.New("the payload has a quote that is not closed")
		}
		if w.none {
			break
		}
		rest = tail
	}
	if words == 0 {
		return errors.New("the payload is empty: protocol resp needs a command, such as PING")
	}
	return nil
}

// Encode appends the command as an array of strings.
func (RESP) Encode(dst []byte, r Request) []byte {
	if len(r.Payload) > 0 && r.Payload[0] == '*' {
		return append(dst, r.Payload...)
	}
	words := 0
	for w, rest := nextWord(r.Payload); !w.none; w, rest = nextWord(rest) {
		words++
	}
	dst = respCount(dst, '*', words)
	for w, rest := nextWord(r.Payload); !w.none; w, rest = nextWord(rest) {
		dst = respCount(dst, '$', w.length())
		dst = append(w.append(dst), '\r', '\n')
	}
	return dst
}

func respCount(dst []byte, kind byte, n int) []byte {
	dst = strconv.AppendInt(append(dst, kind), int64(n), 10)
	return append(dst, '\r', '\n')
}

// word is one word of a command as it was written.
type word struct {
	text   []byte // without the quotes around it
	quoted bool   // escapes count
	none   bool   // there was none
	open   bool   // the quote is not closed
}

// nextWord cuts the first word off a command.
func nextWord(text []byte) (word, []byte) {
	i := 0
	for i < len(text) && space(text[i]) {
		i++
	}
	if i == len(text) {
		return word{none: true}, nil
	}
	if text[i] != '"' {
		from := i
		for i < len(text) && !space(text[i]) {
			i++
		}
		return word{text: text[from:i]}, text[i:]
	}
	from := i + 1
	for i = from; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return word{text: text[from:i], quoted: true}, text[i+1:]
		}
	}
	return word{none: true, open: true}, nil
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// length is the number of bytes that append adds.
func (w word) length() int {
	if !w.quoted {
		return len(w.text)
	}
	n := 0
	for i := 0; i < len(w.text); n++ {
		_, took := unescape(w.text[i:])
		i += took
	}
	return n
}

func (w word) append(dst []byte) []byte {
	if !w.quoted {
		return append(dst, w.text...)
	}
	for i := 0; i < len(w.text); {
		c, took := unescape(w.text[i:])
		dst = append(dst, c)
		i += took
	}
	return dst
}

// unescape returns the first byte that text stands for and how many it takes there.
// A backslash before anything it does not know stands for what follows.
func unescape(text []byte) (c byte, took int) {
	if text[0] != '\\' || len(text) == 1 {
		return text[0], 1
	}
	switch text[1] {
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'x':
		if len(text) >= 4 {
			high, low := hexDigit(text[2]), hexDigit(text[3])
			if high < 16 && low < 16 {
				return byte(high<<4 | low), 4
			}
		}
	}
	return text[1], 2
}

// hexDigit is the value of a hexadecimal digit; 16 when c is none.
func hexDigit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c >= 'a' && c <= 'f':
		return uint64(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return uint64(c-'A') + 10
	}
	return 16
}
