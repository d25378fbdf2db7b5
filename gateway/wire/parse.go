// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
)

// Parse returns the codec that a user named, as in --protocol ipc:
//
//	ipc                         the gateway's own protocol; also the empty name
//	frame:KEY=VALUE,…           length-prefixed frames, see ParseFrame
//	line                        newline-terminated, as JSON lines
//	resp                        Redis
//	http[:[METHOD:]/PATH]       HTTP/1.1 with keep-alive
func Parse(name string) (Codec, error) {
	kind, rest, has := strings.Cut(name, ":")
	switch {
	case kind == "frame":
		return ParseFrame(rest)
	case kind == "http":
		return parseHTTP(rest)
	case has:
	case kind == "" || kind == "ipc":
		return IPC{}, nil
	case kind == "line":
		return Line{}, nil
	case kind == "resp":
		return RESP{}, nil
	}
	return nil, fmt.Errorf("protocol %q is not known: say ipc, frame:…, line, resp or http", name)
}

// Sample returns the default body of a request of size bytes for a codec and a
// message type: what Payload returns where bodies are JSON, a command that stores
// size bytes (PING for 0) for resp.
func Sample(c Codec, kind byte, size int) []byte {
	if _, ok := c.(RESP); !ok {
		return Payload(kind, size)
	}
	if size <= 0 {
		return []byte("PING")
	}
	return []byte("SET ipcprobe:sample " + strings.Repeat("x", size))
}
