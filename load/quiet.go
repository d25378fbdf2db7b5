// SPDX-License-Identifier: Apache-2.0

package load

import "github.com/ipcprobe/ipcprobe/gateway/wire"

// Go's scheduler asks every thread that has run for 10 ms to make room for
// other goroutines, and the thread obeys at the next function that checks its
// stack. A locked thread then hands its processor to another thread and waits
// to get it back: two wake-ups, 30 to 250 µs, a hundred times a second. That is
// one per cent of the throughput and the whole of a p99.
//
// So what runs for each request checks no stack (go:nosplit), and the request
// to make room is met by the next function that does: at the end of an
// interval, on an error, on an order. The linker proves that the chain of
// unchecked functions fits the room that is always there. The signals that Go
// sends as well are switched off in the child's environment (GODEBUG).
const quietRuntime = "asyncpreemptoff=1"

// glance is the length of the answer at the head of b when that can be told
// without the codec, and 0 when the codec has to look: it spares the common
// case of the gateway's own protocol the call. c stands between two answers.
//
//go:nosplit
func glance(b []byte) int {
	if len(b) < wire.IPCHeader || b[4] != wire.IPCVersion {
		return 0
	}
	switch b[5] {
	case wire.ResponseOK, wire.Pong, wire.Capabilities:
	default:
		return 0
	}
	n := int(b[0])<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
	if n < wire.IPCHeader || n > wire.IPCMaxFrame || n > len(b) {
		return 0
	}
	return n
}
