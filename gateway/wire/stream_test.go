// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"testing"
)

// outcome is one answer as a reader sees it.
type outcome struct {
	bytes int
	ok    bool
	close bool
	code  uint16
}

// read feeds data to a codec in pieces of at most chunk bytes through a buffer of
// HeadMax bytes, as a connection does. It returns the whole answers, the bytes that
// were not taken, and the error that ended the reading.
func read(tb testing.TB, c Codec, data []byte, chunk int) ([]outcome, int, error) {
	tb.Helper()
	var got []outcome
	var at Cursor
	room := make([]byte, HeadMax)
	head, tail, size := 0, 0, 0
	for {
		buf := room[head:tail]
		s, err := c.Next(buf, &at)
		if err != nil {
			if !errors.Is(err, ErrFrame) {
				tb.Fatalf("error %v does not wrap ErrFrame", err)
			}
			return got, len(buf), err
		}
		if s.N < 0 || s.N > len(buf) || (s.N == 0 && s.End) {
			tb.Fatalf("step %+v from %d bytes", s, len(buf))
		}
		if s.N > 0 {
			head += s.N
			size += s.N
			if s.End {
				if at != (Cursor{}) {
					tb.Fatalf("the cursor is %+v after an answer", at)
				}
				got = append(got, outcome{size, s.OK, s.Close, s.Code})
				size = 0
			}
			continue
		}
		if len(buf) == HeadMax {
			tb.Fatalf("nothing taken from a full buffer that begins %q", buf[:64])
		}
		if len(data) == 0 {
			return got, len(buf), nil
		}
		if tail == HeadMax {
			head, tail = 0, copy(room, buf)
		}
		n := copy(room[tail:], data[:min(chunk, len(data))])
		tail, data = tail+n, data[n:]
	}
}

// sameInAnyDivision fails unless data yields the same answers and the same end
// whether it arrives at once or in pieces, and returns the answers.
func sameInAnyDivision(tb testing.TB, c Codec, data []byte) []outcome {
	tb.Helper()
	whole, _, wholeErr := read(tb, c, data, HeadMax)
	for _, chunk := range []int{1, 7, 1000} {
		if len(data)/chunk > 10000 {
			continue // seconds, and the next shows the same
		}
		got, _, err := read(tb, c, data, chunk)
		if (err == nil) != (wholeErr == nil) {
			tb.Fatalf("in pieces of %d the end is %v, at once %v", chunk, err, wholeErr)
		}
		if len(got) != len(whole) {
			tb.Fatalf("in pieces of %d there are %d answers, at once %d", chunk, len(got), len(whole))
		}
		for i := range got {
			if got[i] != whole[i] {
				tb.Fatalf("in pieces of %d answer %d is %+v, at once %+v", chunk, i, got[i], whole[i])
			}
		}
	}
	return whole
}

// explain runs Detail on whatever the first step of data is.
func explain(tb testing.TB, c Codec, data []byte) string {
	tb.Helper()
	var at Cursor
	s, err := c.Next(data, &at)
	if err != nil {
		return err.Error()
	}
	text := c.Detail(data[:s.N], s)
	if len(text) > 400 {
		tb.Fatalf("the explanation has %d bytes", len(text))
	}
	for _, r := range text {
		if r < ' ' {
			tb.Fatalf("the explanation has a control character: %q", text)
		}
	}
	return text
}

// testAllocs fails when reading data, which holds whole answers, allocates.
func testAllocs(t *testing.T, c Codec, data []byte, request Request) {
	t.Helper()
	dst := make([]byte, 0, HeadMax)
	var at Cursor
	n := testing.AllocsPerRun(100, func() {
		for rest := data; len(rest) > 0; {
			s, err := c.Next(rest, &at)
			if err != nil || s.N == 0 {
				t.Fatalf("step %+v, error %v", s, err)
			}
			rest = rest[s.N:]
		}
		dst = c.Encode(dst[:0], request)
	})
	if n != 0 {
		t.Errorf("%v allocations a round", n)
	}
}
