// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/ipcprobe/ipcprobe/results"
)

// Block is one block of a record; one of its parts is set. What Requests and
// Connections point to is valid until the next block is read.
type Block struct {
	Connections []results.Connection
	Slice       *results.Slice // without its intervals
	Requests    []results.Request
	In          int // Requests: the slice that they ended in; -1: none
	End         *End
}

// Reader reads a record block by block.
type Reader struct {
	Header Header

	from        io.Reader
	body        bytes.Buffer
	at          int64 // bytes read of whole blocks
	ended       bool
	requests    []results.Request
	connections []results.Connection
}

// NewReader reads a record's head. An error that wraps ErrFormat says that it is
// no record that this program can read.
func NewReader(from io.Reader) (*Reader, error) {
	r := &Reader{from: from}
	var head [fileHead]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: it is too short", ErrFormat)
		}
		return nil, err
	}
	if string(head[:len(magic)]) != magic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrFormat)
	}
	if v := binary.LittleEndian.Uint16(head[len(magic):]); v != Version {
		return nil, fmt.Errorf("%w: its version is %d, and this program reads version %d", ErrFormat, v, Version)
	}
	r.at = int64(fileHead)
	kind, body, err := r.next()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("%w: it is too short", ErrFormat)
	case err != nil:
		return nil, err
	case kind != blockHeader:
		return nil, r.damaged("the first block is of kind %q", kind)
	}
	if err := json.Unmarshal(body, &r.Header); err != nil {
		return nil, r.damaged("header: %v", err)
	}
	return r, nil
}

// Next reads the next block. io.EOF comes after the last one; a record that ends
// before that is io.ErrUnexpectedEOF.
func (r *Reader) Next() (Block, error) {
	if r.ended {
		if n, _ := io.CopyN(io.Discard, r.from, 1); n > 0 {
			return Block{}, r.damaged("it goes on behind its end")
		}
		return Block{}, io.EOF
	}
	kind, body, err := r.next()
	if err == io.EOF {
		return Block{}, io.ErrUnexpectedEOF
	}
	if err != nil {
		return Block{}, err
	}
	switch kind {
	case blockConnections:
		return r.readConnections(body)
	case blockSlice:
		return r.readSlice(body)
	case blockRequests:
		return r.readRequests(body)
	case blockEnd:
		r.ended = true
		var e End
		if err := json.Unmarshal(body, &e); err != nil {
			return Block{}, r.damaged("end: %v", err)
		}
		return Block{End: &e}, nil
	}
	return Block{}, r.damaged("a block is of kind %q", kind)
}

// next reads a block and checks it. io.EOF comes only between two blocks. Memory
// is taken for bytes that are there, not for those that are promised.
func (r *Reader) next() (kind byte, body []byte, err error) {
	var head [blockHead]byte
	if _, err := io.ReadFull(r.from, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxBody {
		return 0, nil, r.damaged("a block of %d bytes", n)
	}
	r.body.Reset()
	r.body.Write(head[:])
	if _, err := io.CopyN(&r.body, r.from, int64(n)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	whole := r.body.Bytes()
	if checksum(whole) != binary.LittleEndian.Uint32(head[8:]) {
		return 0, nil, r.damaged("the checksum of a block is wrong")
	}
	r.at += int64(len(whole))
	return head[4], whole[blockHead:], nil
}

func (r *Reader) readConnections(body []byte) (Block, error) {
	if len(body)%connSize != 0 {
		return Block{}, r.damaged("a block of connections has %d bytes", len(body))
	}
	r.connections = r.connections[:0]
	for ; len(body) > 0; body = body[connSize:] {
		r.connections = append(r.connections, results.Connection{
			Index: binary.LittleEndian.Uint32(body), Cookie: binary.LittleEndian.Uint64(body[8:]),
		})
	}
	return Block{Connections: r.connections}, nil
}

func (r *Reader) readSlice(body []byte) (Block, error) {
	if len(body) != sliceSize || results.Mode(body[4]) > results.Probed {
		return Block{}, r.damaged("a slice has %d bytes, or no mode", len(body))
	}
	at := binary.LittleEndian
	return Block{Slice: &results.Slice{
		Index: int(at.Uint32(body)), Mode: results.Mode(body[4]),
		Start: int64(at.Uint64(body[8:])), End: int64(at.Uint64(body[16:])), GeneratorNs: int64(at.Uint64(body[24:])),
	}}, nil
}

func (r *Reader) readRequests(body []byte) (Block, error) {
	if len(body) < requestsHead || (len(body)-requestsHead)%requestSize != 0 {
		return Block{}, r.damaged("a block of requests has %d bytes", len(body))
	}
	slice := int(int32(binary.LittleEndian.Uint32(body)))
	r.requests = r.requests[:0]
	for body = body[requestsHead:]; len(body) > 0; body = body[requestSize:] {
		r.requests = append(r.requests, readRequest(body))
	}
	return Block{Requests: r.requests, In: slice}, nil
}

// damaged says what is wrong, and where.
func (r *Reader) damaged(format string, args ...any) error {
	return fmt.Errorf("%w: after %d bytes: %s", ErrFormat, r.at, fmt.Sprintf(format, args...))
}
