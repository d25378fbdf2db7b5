// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"time"
)

// Trouble says why a server could not be loaded.
type Trouble string

// What may be the matter with a server.
const (
	NoSocket      Trouble = "no socket"      // nothing has that path
	NotASocket    Trouble = "not a socket"   // something else has it
	Refused       Trouble = "refused"        // nobody listens on it
	NotPermitted  Trouble = "not permitted"  // EACCES or EPERM
	WrongKind     Trouble = "wrong kind"     // a socket of no type that we know
	ClosedAtOnce  Trouble = "closed at once" // closed before the first answer
	Garbage       Trouble = "garbage"        // the first answer is no frame
	Silent        Trouble = "silent"         // no answer, or no accept, in time
	AnsweredError Trouble = "error answer"   // the first answer is an error
	TooLarge      Trouble = "too large"      // the request is larger than a message can be
	Unusable      Trouble = "unusable"       // the load itself can't be made (options, descriptors)
)

// TargetError says that the load could not be started: what was tried and what
// came of it. Refused, AnsweredError and the others are told apart by Trouble.
type TargetError struct {
	Trouble Trouble
	Socket  string
	Detail  string // what the system or the server said
	Answer  string // AnsweredError: the server's code and message, as the codec tells them
	Waited  time.Duration
}

// Error is one sentence of what was tried and what was said, and one of what
// to do.
func (e *TargetError) Error() string {
	switch e.Trouble {
	case NoSocket:
		return fmt.Sprintf("connect to %s: there is no such socket; is the server running?", e.Socket)
	case NotASocket:
		return fmt.Sprintf("connect to %s: that is no socket; name the path that the server listens on", e.Socket)
	case Refused:
		return fmt.Sprintf("connect to %s: nobody listens on it (connection refused); is the server running?", e.Socket)
	case NotPermitted:
		return fmt.Sprintf("connect to %s: permission denied; run as a user that may write to the socket", e.Socket)
	case WrongKind:
		return fmt.Sprintf("connect to %s: it is no stream, seqpacket or datagram socket (%s)", e.Socket, e.Detail)
	case ClosedAtOnce:
		return fmt.Sprintf("the server on %s closed the connection before it answered (%s); does it serve this user, and has it room for more clients?", e.Socket, e.Detail)
	case TooLarge:
		return fmt.Sprintf("send to %s: the request of %s is more than one message of this socket can hold (message too long); take a smaller --payload, or raise net.core.wmem_max and net.core.wmem_default", e.Socket, e.Detail)
	case Garbage:
		return fmt.Sprintf("the server on %s did not answer in the protocol asked for: %s; name its protocol with --protocol", e.Socket, e.Detail)
	case Silent:
		return fmt.Sprintf("the server on %s did not answer within %v (%s); is it stopped or stuck? --timeout sets how long to wait", e.Socket, e.Waited, e.Detail)
	case AnsweredError:
		return fmt.Sprintf("the server on %s answered the first request with an error: %s; try another --type or --payload", e.Socket, e.Answer)
	}
	return e.Detail
}
