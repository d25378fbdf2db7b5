// SPDX-License-Identifier: Apache-2.0

package record

import (
	"errors"
	"fmt"
	"io"

	"github.com/ipcprobe/ipcprobe/results"
)

// Recording is what a record says, its requests counted.
type Recording struct {
	Header   Header
	Slices   []results.Slice // as the load had measured them
	Requests int64           // in the record
	End      End             // zero when the record was cut off
	Whole    bool            // the record has its end
}

// maxSlices bounds what a record may ask of memory.
const maxSlices = 10_000

// Load reads a record and counts its requests by slice, interval and kind. One
// that was cut off is read up to its last whole block: Whole is false then.
func Load(from io.Reader) (*Recording, error) {
	r, err := NewReader(from)
	if err != nil {
		return nil, err
	}
	c := counter{kinds: len(r.Header.Kinds)}
	if r.Header.Rate != "max" {
		c.answered = map[uint32]int64{}
	}
	out := &Recording{Header: r.Header}
	for {
		b, err := r.Next()
		switch {
		case err == io.EOF:
			out.Whole = true
			fallthrough
		case errors.Is(err, io.ErrUnexpectedEOF):
			out.Slices = c.finish()
			return out, nil
		case err != nil:
			return nil, err
		case b.End != nil:
			out.End = *b.End
		case b.Slice != nil:
			if err := c.slice(b.Slice); err != nil {
				return nil, fmt.Errorf("%w: after %d bytes: %w", ErrFormat, r.at, err)
			}
		}
		out.Requests += int64(len(b.Requests))
		for i := range b.Requests {
			if err := c.request(b.In, &b.Requests[i]); err != nil {
				return nil, fmt.Errorf("%w: after %d bytes: %w", ErrFormat, r.at, err)
			}
		}
	}
}
