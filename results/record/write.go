// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/ipcprobe/ipcprobe/results"
)

// Writer writes a record. After the first error it writes nothing more, and
// returns that error from every call. It is for one goroutine.
type Writer struct {
	to    io.Writer
	block []byte // reused
	err   error
}

// NewWriter begins a record.
func NewWriter(to io.Writer, h Header) (*Writer, error) {
	w := &Writer{to: to}
	head := binary.LittleEndian.AppendUint16([]byte(magic), Version)
	w.write(append(head, 0, 0))
	w.writeJSON(blockHeader, h)
	return w, w.err
}

// Connections adds connections, those that were opened again included.
func (w *Writer) Connections(list []results.Connection) error {
	const most = maxBody / connSize
	for len(list) > 0 {
		n := min(len(list), most)
		b := w.begin(blockConnections)
		for _, c := range list[:n] {
			b = binary.LittleEndian.AppendUint32(b, c.Index)
			b = binary.LittleEndian.AppendUint32(b, 0)
			b = binary.LittleEndian.AppendUint64(b, c.Cookie)
		}
		w.end(b)
		list = list[n:]
	}
	return w.err
}

// Slice adds what is known of a slice but its requests: when it has begun, with
// End 0, and again when it has ended.
func (w *Writer) Slice(s results.Slice) error {
	b := w.begin(blockSlice)
	b = binary.LittleEndian.AppendUint32(b, uint32(s.Index))
	b = append(b, byte(s.Mode), 0, 0, 0)
	for _, v := range [...]int64{s.Start, s.End, s.GeneratorNs} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	w.end(b)
	return w.err
}

// Requests adds requests that ended in a slice, which has begun; -1 for those
// that ended outside of all slices.
func (w *Writer) Requests(slice int, list []results.Request) error {
	for len(list) > 0 {
		n := min(len(list), maxRequests)
		b := binary.LittleEndian.AppendUint32(w.begin(blockRequests), uint32(int32(slice)))
		b = append(b, 0, 0, 0, 0)
		for i := range list[:n] {
			b = appendRequest(b, &list[i])
		}
		w.end(b)
		list = list[n:]
	}
	return w.err
}

// End ends the record.
func (w *Writer) End(e End) error {
	w.writeJSON(blockEnd, e)
	return w.err
}

func (w *Writer) writeJSON(kind byte, v any) {
	body, err := json.Marshal(v)
	if err == nil && len(body) > maxBody {
		err = fmt.Errorf("%d bytes are too many for a block", len(body))
	}
	if err != nil {
		w.fail(err)
		return
	}
	w.end(append(w.begin(kind), body...))
}

// begin starts a block in the reused buffer.
func (w *Writer) begin(kind byte) []byte {
	return append(w.block[:0], 0, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0)
}

// end writes a block whose body has been appended.
func (w *Writer) end(b []byte) {
	w.block = b
	binary.LittleEndian.PutUint32(b, uint32(len(b)-blockHead))
	binary.LittleEndian.PutUint32(b[8:], checksum(b))
	w.write(b)
}

// checksum is of a whole block but the checksum's own place.
func checksum(b []byte) uint32 {
	return crc32.Update(crc32.Checksum(b[:8], castagnoli), castagnoli, b[blockHead:])
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	if _, err := w.to.Write(b); err != nil {
		w.fail(err)
	}
}

func (w *Writer) fail(err error) {
	if w.err == nil {
		w.err = fmt.Errorf("write record: %w", err)
	}
}
