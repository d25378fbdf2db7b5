// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
)

const (
	// HeadMax is the number of bytes a caller's receive buffer must hold: no
	// codec asks for more than this before it takes some.
	HeadMax = 64 << 10

	// PartMin is the size in bytes up to which a frame or a line is never taken in
	// parts. Whole ones are what Detail explains best, and errors are small.
	PartMin = 4 << 10
)

// ErrFrame is wrapped by every error of Codec.Next: the bytes cannot be an
// answer, and where the next one would start is not known. The connection is
// of no further use.
var ErrFrame = errors.New("bad frame")

// Request is one request before it is encoded.
type Request struct {
	Type    byte   // the message type; a codec without types ignores it
	Payload []byte // the body; its meaning is the codec's
}

// Step says what Next found at the head of a buffer.
type Step struct {
	// N is the number of bytes to take off the head of the buffer; they belong
	// to the current answer. 0: nothing can be said before more bytes are read.
	N int
	// End: these bytes end the answer. Otherwise the same answer goes on, as the
	// frames of a stream do, and the parts of a large answer.
	End bool
	// OK is meaningful with End: the server did what was asked.
	OK bool
	// Close is meaningful with End: the server announced that it closes the
	// connection after this answer.
	Close bool
	// Code is the protocol's own word for the outcome: a message type (ipc), a
	// status (http), the first byte of a reply (resp); 0 where there is none.
	Code uint16
}

// Cursor is where the reader of one connection stands inside an answer. The
// zero value stands before the first answer; Next moves it, and leaves it zero
// after each answer. Nobody but a codec looks inside.
type Cursor struct {
	left   uint64 // bytes of the current unit still to be taken
	taken  uint64 // bytes taken so far of the answer, or of the part that is bounded
	items  uint64 // resp: replies still owed to the answer
	code   uint16 // the outcome's code, once known
	state  uint8  // a codec's own stage
	failed bool   // the answer is known to be an error
	closes bool   // the server announced that it closes
}

// Codec speaks one protocol. Its methods keep no state, may be called from
// several goroutines, and (Check, Detail and Name apart) allocate nothing but
// the room that Encode needs at the end of dst.
//
// Answers come in the order of the requests on a connection.
type Codec interface {
	// Name is the name under which Parse finds the codec.
	Name() string

	// Check says why r cannot be encoded (too large, a line break in a line), or
	// nil. Encode relies on it.
	Check(r Request) error

	// Encode appends r as it goes over the socket and returns the extended slice.
	Encode(dst []byte, r Request) []byte

	// Next looks at the head of buf, the bytes received and not yet taken. It
	// wraps ErrFrame when they cannot be an answer; the cursor is then void.
	Next(buf []byte, at *Cursor) (Step, error)

	// Detail explains an outcome to a human, in one line of bounded length.
	// part is the bytes of the step s that ended the answer.
	Detail(part []byte, s Step) string
}

// end resets the cursor and returns the step that ends an answer with its last
// n bytes.
func (at *Cursor) end(n int) Step {
	s := Step{N: n, End: true, OK: !at.failed, Close: at.closes, Code: at.code}
	*at = Cursor{}
	return s
}

// part takes n bytes of an answer that goes on.
func (at *Cursor) part(n int) Step {
	at.taken += uint64(n)
	return Step{N: n, Code: at.code}
}

func badFrame(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrFrame, fmt.Sprintf(format, args...))
}
