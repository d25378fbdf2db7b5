// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"
)

// Stamp is one request as stampserver saw it; the fields are those of src/stamps.h.
// Times are CLOCK_MONOTONIC nanoseconds, positions count bytes of the connection.
type Stamp struct {
	ReceivedNs uint64 // the recv that took the request's last byte has returned
	SendingNs  uint64 // the send that carries the answer's last byte begins
	InEnd      uint64 // end of the request in the client's stream
	OutEnd     uint64 // end of the answer in the server's stream
	Cookie     uint64 // SO_COOKIE of the server's end
	Connection uint32 // in the order of accept, from 0
	Flags      uint32
}

// Paused says that the server slept in this request as --pause-us told it.
func (s Stamp) Paused() bool { return s.Flags&1 != 0 }

// Stalled says the same of --stall-ms.
func (s Stamp) Stalled() bool { return s.Flags&2 != 0 }

// ReadStamps reads the file that stampserver --log wrote, in the order in which
// the requests were answered. A server that had no room for all is an error.
func ReadStamps(path string) ([]Stamp, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read stamps: %w", err)
	}
	var head struct {
		Magic           uint64
		Version, Record uint32
		Count, Lost     uint64
	}
	r := bytes.NewReader(data)
	if err := binary.Read(r, binary.NativeEndian, &head); err != nil {
		return nil, fmt.Errorf("read stamps: %w", err)
	}
	const magic, size = 0x504d415453435049, uint64(unsafe.Sizeof(Stamp{}))
	switch {
	case head.Magic != magic || head.Version != 1 || uint64(head.Record) != size:
		return nil, fmt.Errorf("read stamps: %s is no file of stamps", path)
	case head.Lost > 0:
		return nil, fmt.Errorf("read stamps: %d requests have none", head.Lost)
	case head.Count != uint64(r.Len())/size || uint64(r.Len())%size != 0:
		return nil, errors.New("read stamps: the file is cut off")
	}
	stamps := make([]Stamp, head.Count)
	if err := binary.Read(r, binary.NativeEndian, stamps); err != nil {
		return nil, fmt.Errorf("read stamps: %w", err)
	}
	return stamps, nil
}
