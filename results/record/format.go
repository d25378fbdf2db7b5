// SPDX-License-Identifier: Apache-2.0

package record

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/ipcprobe/ipcprobe/results"
)

// Version is the version of the format that is written. Readers refuse others.
const Version = 1

// magic begins every record. Its first byte is no text, its last shows whether
// line ends were changed on the way.
const magic = "\x89IPCREC\n"

const (
	fileHead     = len(magic) + 4 // magic, version, zero
	blockHead    = 12             // length, kind, zeros, checksum
	maxBody      = 4 << 20        // bytes of a block's body
	requestSize  = 56
	requestsHead = 8 // slice, zero
	maxRequests  = 16 << 10
	connSize     = 16
	sliceSize    = 32
)

// Kinds of blocks.
const (
	blockHeader      byte = 'H' // Header, as JSON; the first block
	blockConnections byte = 'C'
	blockSlice       byte = 'S' // when a slice begins, and when it has ended
	blockRequests    byte = 'R'
	blockEnd         byte = 'E' // End, as JSON; the last block
)

// ErrFormat is wrapped by every error about a file that is no record, or one
// that is damaged.
var ErrFormat = errors.New("not a sound record")

// castagnoli is the polynomial of the checksums: CRC-32C.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Header says what was loaded, how, by whom and where.
type Header struct {
	Tool        results.Tool        `json:"tool"`
	StartedAt   string              `json:"started_at"` // RFC 3339, UTC
	Command     []string            `json:"command"`
	Environment results.Environment `json:"environment"`
	Socket      string              `json:"socket"`
	Protocol    string              `json:"protocol"`
	Connections int                 `json:"connections"`
	Pipeline    int                 `json:"pipeline"`
	Batch       bool                `json:"batch,omitempty"`
	Rate        string              `json:"rate"` // as --rate takes it
	Arrivals    string              `json:"arrivals"`
	Seed        uint64              `json:"seed"`
	WarmupNs    int64               `json:"warmup_ns"`
	MaxErrors   float64             `json:"max_errors_pct"`
	Payload     int                 `json:"payload_bytes"`
	Kinds       []Kind              `json:"kinds"` // by Request.Kind; one where there is no mix
}

// Kind is one kind of a mix.
type Kind struct {
	Name     string  `json:"name"`
	SharePct float64 `json:"share_pct"`
	Payload  int     `json:"payload_bytes"`
}

// End sums up the load's whole life, the request that the server was tried with
// and the time outside of slices included.
type End struct {
	Counts      results.Counts   `json:"counts"`
	Endings     map[string]int64 `json:"endings"` // connections that died, by cause
	Answers     map[string]int64 `json:"answers"` // error answers, by what they say
	Reconnects  int64            `json:"reconnects"`
	Late        int64            `json:"late"` // answers after their timeout
	HalfFrames  int64            `json:"half_frames"`
	Held        int64            `json:"held"` // open loop: requests that found no connection with room
	OwnLagP99   int64            `json:"own_lag_p99_ns"`
	OwnLagMax   int64            `json:"own_lag_max_ns"`
	Dropped     int64            `json:"dropped"` // requests that are not in the record
	GeneratorNs int64            `json:"generator_cpu_ns"`
	Partial     bool             `json:"partial"` // ended before its time
	EndedBy     string           `json:"ended_by"`
	Warnings    []string         `json:"warnings"`
}

// outside is the slice of requests that ended outside of all slices.
const outside = -1

func appendRequest(b []byte, r *results.Request) []byte {
	for _, v := range [...]uint64{uint64(r.Intended), uint64(r.Sent), uint64(r.Received), r.OutEnd, r.InEnd} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	for _, v := range [...]uint32{r.OutLen, r.InLen, r.Conn} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = binary.LittleEndian.AppendUint16(b, r.Kind)
	return append(b, byte(r.Outcome), 0)
}

// readRequest reads what appendRequest wrote.
func readRequest(b []byte) results.Request {
	at := binary.LittleEndian
	return results.Request{
		Intended: int64(at.Uint64(b)), Sent: int64(at.Uint64(b[8:])), Received: int64(at.Uint64(b[16:])),
		OutEnd: at.Uint64(b[24:]), InEnd: at.Uint64(b[32:]),
		OutLen: at.Uint32(b[40:]), InLen: at.Uint32(b[44:]), Conn: at.Uint32(b[48:]),
		Kind: at.Uint16(b[52:]), Outcome: results.Outcome(b[54]),
	}
}
