// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"unsafe"

	"github.com/ipcprobe/ipcprobe/results"
)

// Parent and child talk in messages over a stream socket: four bytes of
// length, little-endian, one byte of kind, the body. Rare messages have a JSON
// body; intervals and requests have their own.
const (
	messageHead = 5
	messageMax  = 8 << 20 // bytes of a body
)

// Kinds of messages.
const (
	kindBegin byte = 'B' // to the child: order
	kindSync  byte = 'S' // to the child: order
	kindEnd   byte = 'E' // to the child: order
	kindStop  byte = 'Q' // to the child: order

	kindReady      byte = 'r' // readyReport
	kindRefused    byte = 'x' // *TargetError: there will be no load
	kindConnection byte = 'c' // results.Connection
	kindBegun      byte = 'b' // sliceReport
	kindSynced     byte = 's' // []results.Sync
	kindInterval   byte = 'i' // appendInterval
	kindRequests   byte = 'q' // requestsHead, then results.Request records
	kindKinds      byte = 'k' // appendKinds
	kindEnded      byte = 'e' // sliceReport
	kindProgress   byte = 'p' // Progress
	kindExhausted  byte = 'n' // no body: --requests have been answered
	kindFailure    byte = 'f' // failureReport: no connection lives
	kindFinal      byte = 'z' // Totals
)

// order is a command of the parent.
type order struct {
	Index   int          // begin, end: the slice
	Mode    results.Mode // begin
	Record  bool         // begin: keep each request
	Records int          // begin: most requests to keep
	Always  bool         // begin: from now on keep every request, outside of slices too
	Wait    int64        // sync: ns to wait for connections to fall idle

	kind byte // which order: the kind of its message
}

type readyReport struct {
	Connections []results.Connection
	Probe       *TargetError // the first request was answered with an error
	Unfenced    string       // why the process may make any system call; "" when it may not
}

// sliceReport says how a slice began or ended.
type sliceReport struct {
	Index       int
	Mode        results.Mode
	Record      bool
	Start, End  int64
	GeneratorNs int64
	Dropped     int64 // requests that were not kept
}

type failureReport struct{ Reason string }

const requestSize = int(unsafe.Sizeof(results.Request{}))

// requestsHead is the size of the slice's index before a block of requests.
const requestsHead = 8

// appendMessage appends a message with a JSON body.
func appendMessage(dst []byte, kind byte, body any) ([]byte, error) {
	if body == nil {
		return append(dst, 0, 0, 0, 0, kind), nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("write message %q: %w", kind, err)
	}
	dst = appendHead(dst, kind, len(text))
	return append(dst, text...), nil
}

func appendHead(dst []byte, kind byte, body int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(body))
	return append(dst, kind)
}

// readHead reads the head of the next message. io.EOF means that the peer has
// closed between two messages.
func readHead(r io.Reader) (kind byte, body int, err error) {
	var head [messageHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, 0, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > messageMax {
		return 0, 0, fmt.Errorf("read message %q: %d bytes are too many", head[4], n)
	}
	return head[4], int(n), nil
}

// requestBytes is the memory of r. Requests have no pointers and a fixed
// layout, and both ends are the same binary.
func requestBytes(r []results.Request) []byte {
	if len(r) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&r[0])), len(r)*requestSize)
}
