// SPDX-License-Identifier: Apache-2.0

package results

// Outcome says how a request ended, as the client saw it.
type Outcome uint8

const (
	// OK: a whole answer that is not an error arrived in time.
	OK Outcome = iota
	// ErrorAnswer: a whole answer arrived, and the protocol calls it an error.
	ErrorAnswer
	// Timeout: no whole answer within the client's --timeout.
	Timeout
	// Broken: the connection ended, or sent something that is no frame, before
	// the answer was whole.
	Broken
	// Censored: still unanswered when the run ended.
	Censored
)

// String gives the key under which results.json counts the outcome.
func (o Outcome) String() string {
	switch o {
	case OK:
		return "ok"
	case ErrorAnswer:
		return "error"
	case Timeout:
		return "timeout"
	case Broken:
		return "broken"
	default:
		return "censored"
	}
}

// Request is one request as the load generator saw it. The struct has no
// pointers and a fixed layout, so that records travel in blocks.
//
// Positions are cumulative bytes since the connection was opened. The request
// owns bytes [OutEnd-OutLen, OutEnd) of the client's stream to the server, its
// answer [InEnd-InLen, InEnd) of the stream back.
type Request struct {
	Intended int64   // when the schedule wanted it to start; equals Sent in a closed loop
	Sent     int64   // stamp before the send call that carried its first byte
	Received int64   // stamp after the read that brought its answer's last byte; 0 if none
	OutEnd   uint64  // position behind the request's last byte
	InEnd    uint64  // position behind the answer's last byte
	OutLen   uint32  // bytes of the request, framing included
	InLen    uint32  // bytes of the answer, framing included
	Conn     uint32  // Connection.Index
	Kind     uint16  // index in the mix of payloads; 0 when there is one
	Outcome  Outcome // how it ended
	_        uint8
}

// ResponseTime is from the intended start to the answer's last byte: what a
// user feels. It counts a late send as part of the wait, so that a stalled
// server can't hide requests that were not sent (coordinated omission).
func (r *Request) ResponseTime() int64 { return r.Received - r.Intended }

// RoundTrip is from the start of the send to the answer's last byte.
func (r *Request) RoundTrip() int64 { return r.Received - r.Sent }

// SendLag is how much later than intended the send began.
func (r *Request) SendLag() int64 { return r.Sent - r.Intended }

// Connection names one connection of the load generator. Each reconnect is a
// new Connection with the next Index.
type Connection struct {
	Index  uint32 // counts connections in the order they were opened, from 0
	Cookie uint64 // SO_COOKIE of the client's socket: the kernel's name for it
}

// Sync is an instant at which a connection carried nothing: every request sent
// on it had been answered, and the next was not begun. At this instant the
// four byte cursors of the connection (client sent, server took, server
// answered, client took) are known: both stream positions stand here. The join
// anchors the kernel's cursors, which start when probes attach, on it.
type Sync struct {
	Conn uint32 // Connection.Index
	At   int64  // stamp: after the last answer's read, before the next send
	Out  uint64 // position of the client's stream to the server
	In   uint64 // position of the server's stream to the client
}
