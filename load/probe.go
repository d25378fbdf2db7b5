// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// probe sends one request on a fresh connection and checks the answer, before
// there is any load. The connection's stream positions move with it.
func (c *conn) probe(frame []byte, codec wire.Codec, path string, wait time.Duration) (wire.Step, *TargetError) {
	trouble := func(t Trouble, detail string) *TargetError {
		return &TargetError{Trouble: t, Socket: path, Detail: detail, Waited: wait}
	}
	deadline := time.Now().Add(wait)
	buf := make([]byte, 0, wire.HeadMax)
	for {
		events := int16(unix.POLLIN)
		if len(frame) > 0 {
			n, errno := sendBytes(c.fd, frame)
			switch {
			case errno == 0:
				frame = frame[n:]
				c.sent += uint64(n)
				c.queued, c.begun = c.sent, c.sent
			case errno == unix.EPIPE || errno == unix.ECONNRESET:
				// What it said before it closed is read below.
				frame = nil
			case errno == unix.EMSGSIZE:
				return wire.Step{}, trouble(TooLarge, fmt.Sprintf("%d bytes", len(frame)))
			case errno != unix.EAGAIN:
				return wire.Step{}, trouble(Unusable, fmt.Sprintf("send to %s: %v", path, errno))
			}
			if len(frame) > 0 {
				events |= unix.POLLOUT
			}
		}
		left := time.Until(deadline)
		if left <= 0 {
			return wire.Step{}, trouble(Silent, fmt.Sprintf("%d bytes of an answer came", c.in))
		}
		poll := []unix.PollFd{{Fd: c.fd, Events: events}}
		if _, err := unix.Poll(poll, int(min(left, time.Second).Milliseconds())+1); err != nil && err != unix.EINTR {
			return wire.Step{}, trouble(Unusable, fmt.Sprintf("poll %s: %v", path, err))
		}
		n, errno := receiveBytes(c.fd, buf[len(buf):cap(buf)])
		switch {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			continue
		case errno != 0:
			return wire.Step{}, trouble(ClosedAtOnce, errno.Error())
		case n == 0:
			return wire.Step{}, trouble(ClosedAtOnce, fmt.Sprintf("after %d bytes of an answer", c.in))
		}
		c.in += uint64(n)
		c.answer = c.in
		buf = buf[:len(buf)+n]
		for len(buf) > 0 {
			step, err := codec.Next(buf, &c.cursor)
			if err != nil {
				return step, trouble(Garbage, err.Error())
			}
			if step.N == 0 {
				break
			}
			if !step.End {
				buf = append(buf[:0], buf[step.N:]...)
				continue
			}
			if len(frame) > 0 && step.OK || len(buf) > step.N {
				return step, trouble(Garbage, "it answered more than it was asked")
			}
			if step.OK {
				return step, nil
			}
			e := trouble(AnsweredError, "")
			e.Answer = codec.Detail(buf[:step.N], step)
			return step, e
		}
	}
}
