// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// The frame of the ipc protocol: a length of 4 bytes, big-endian, that counts the
// whole frame; a version; a message type; the payload.
const (
	IPCHeader     = 6       // bytes before the payload
	IPCVersion    = 0x01    // the only version there is
	IPCMaxFrame   = 4 << 20 // largest frame in bytes, header included
	IPCMaxPayload = IPCMaxFrame - IPCHeader
)

// Message types of the ipc protocol.
const (
	TaskSubmit      = 0x01
	TaskQuery       = 0x02
	TaskCancel      = 0x03
	StreamSubscribe = 0x04
	StreamData      = 0x05
	StreamComplete  = 0x06
	StreamError     = 0x07
	ResponseOK      = 0x10
	ResponseError   = 0x11
	Ping            = 0xF0
	Pong            = 0xF1
	Capabilities    = 0xF2
)

// Error codes in the payload of a ResponseError.
const (
	CodeVersion  = 1
	CodeType     = 2
	CodeTooLarge = 3
	CodePayload  = 4
	CodeTimeout  = 5
	CodeClosed   = 6
	CodeInternal = 99
)

// IPC is the codec of the gateway's own protocol. Step.Code is the type of the
// frame that ended the answer. The frames of a subscription up to
// StreamComplete or StreamError are one answer.
type IPC struct{}

// Name returns "ipc".
func (IPC) Name() string { return "ipc" }

// Check refuses a payload above IPCMaxPayload bytes.
func (IPC) Check(r Request) error {
	if len(r.Payload) > IPCMaxPayload {
		return fmt.Errorf("payload of %d bytes is too large: ipc takes at most %d",
			len(r.Payload), IPCMaxPayload)
	}
	return nil
}

// Encode appends one frame.
func (IPC) Encode(dst []byte, r Request) []byte {
	n := uint32(IPCHeader + len(r.Payload))
	dst = append(dst, byte(n>>24), byte(n>>16), byte(n>>8), byte(n), IPCVersion, r.Type)
	return append(dst, r.Payload...)
}

// stages of an ipc cursor
const (
	ipcFrame  = iota // before a frame that starts an answer
	ipcStream        // between two frames of a stream
	ipcBody          // inside a frame taken in parts
)

// Next takes a frame, or what is there of a frame above PartMin bytes.
func (IPC) Next(buf []byte, at *Cursor) (Step, error) {
	if at.state == ipcBody {
		return ipcTake(buf, at), nil
	}
	if len(buf) < 4 {
		return Step{}, nil
	}
	size := binary.BigEndian.Uint32(buf)
	if size < IPCHeader || size > IPCMaxFrame {
		return Step{}, badFrame("length %d is not within %d and %d", size, IPCHeader, IPCMaxFrame)
	}
	if len(buf) >= 5 && buf[4] != IPCVersion {
		return Step{}, badFrame("version 0x%02x, want 0x%02x", buf[4], IPCVersion)
	}
	if len(buf) < IPCHeader || (len(buf) < int(size) && size <= PartMin) {
		return Step{}, nil
	}
	kind := buf[5]
	switch kind {
	case ResponseOK, Pong, Capabilities:
		if at.state == ipcStream {
			return Step{}, badFrame("type 0x%02x inside a stream", kind)
		}
	case StreamData, StreamComplete:
	default: // errors, and types that are no answer
		at.failed = true
	}
	at.code = uint16(kind)
	at.left = uint64(size)
	return ipcTake(buf, at), nil
}

// ipcTake takes what is there of the current frame, whose length is known.
func ipcTake(buf []byte, at *Cursor) Step {
	if uint64(len(buf)) < at.left {
		at.state = ipcBody
		at.left -= uint64(len(buf))
		return at.part(len(buf))
	}
	n := int(at.left)
	if at.code != StreamData {
		return at.end(n)
	}
	at.left, at.state = 0, ipcStream
	return at.part(n)
}

// Detail names the type of the answer and, for an error whose payload is whole,
// its code and message.
func (IPC) Detail(part []byte, s Step) string {
	switch s.Code {
	case ResponseOK:
		return "response OK"
	case Pong:
		return "pong"
	case Capabilities:
		return "capabilities"
	case StreamComplete:
		return "stream complete"
	case ResponseError:
		return ipcError("response error", part)
	case StreamError:
		return ipcError("stream error", part)
	}
	return fmt.Sprintf("answer of type 0x%02x, which is no answer", s.Code)
}

// ipcError adds the code and message of an error frame to what, where the frame
// is whole and says so.
func ipcError(what string, frame []byte) string {
	if len(frame) < IPCHeader {
		return what
	}
	var body struct {
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(frame[IPCHeader:], &body) != nil || body.Error.Code == 0 {
		return what
	}
	return fmt.Sprintf("%s %d: %s", what, body.Error.Code, printable(body.Error.Message))
}

// printable is s on one line, without control characters, cut at 200 bytes.
func printable(s string) string {
	const limit = 200
	if len(s) > limit {
		s = s[:limit] + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
