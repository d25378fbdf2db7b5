// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// FuzzReceive is the parent's ear for the load generator, which parses what a
// server answers and may have been talked into anything.
func FuzzReceive(f *testing.F) {
	message := func(kind byte, body any) []byte {
		b, err := appendMessage(nil, kind, body)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	begun := message(kindBegun, sliceReport{Index: 1, Start: 5})
	f.Add(begun)
	f.Add(append(bytes.Clone(begun), append(appendHead(nil, kindInterval, intervalHead), make([]byte, intervalHead)...)...))
	f.Add(append(appendHead(nil, kindRequests, requestsHead+requestSize), make([]byte, requestsHead+requestSize)...))
	f.Add(message(kindReady, readyReport{Connections: []results.Connection{{}}}))
	f.Add(message(kindFailure, failureReport{Reason: "\x1b[2J"}))
	f.Add(message(kindProgress, Progress{}))
	f.Add(appendHead(nil, kindExhausted, 0))
	f.Add(append(appendHead(nil, kindKinds, 2), "{}"...))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, kindReady})
	f.Fuzz(func(t *testing.T, data []byte) {
		g := &Generator{
			records: 100, replies: make(chan reply, 16), gone: make(chan struct{}), slices: map[int]*sliceStore{},
			failed: make(chan struct{}), exhausted: make(chan struct{}),
		}
		in := bufio.NewReader(bytes.NewReader(data))
		for g.receiveOne(in) == nil {
		}
		if len(g.requests) > g.records {
			t.Fatalf("%d requests are kept, of at most %d", len(g.requests), g.records)
		}
		for _, s := range g.slices {
			_, _ = s.decode() // must come back
		}
	})
}
