// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"runtime"
	"testing"
	"time"
)

// flood answers with a head, and then with the same bytes until the client has gone.
func flood(head, more string) func(*testServer, net.Conn, *bufio.Reader) error {
	return func(_ *testServer, c net.Conn, in *bufio.Reader) error {
		if _, err := in.ReadByte(); err != nil {
			return err
		}
		b := bytes.Repeat([]byte(more), 1+64<<10/len(more))
		_, err := c.Write([]byte(head))
		for err == nil {
			_, err = c.Write(b)
		}
		return err
	}
}

// TestAnAnswerWithoutEndIsLeft holds that a server that never stops answering costs
// no more time than the timeout allows, and no more memory than an answer may have.
func TestAnAnswerWithoutEndIsLeft(t *testing.T) {
	for name, c := range map[string]struct{ protocol, head, more string }{
		"a frame, then others that nobody asked for": {"ipc", string(goodAnswer), string(goodAnswer)},
		"zeros":                {"ipc", "", "\x00"},
		"the largest frame":    {"ipc", "\xff\xff\xff\xff", "\xff"},
		"a line without end":   {"line", "", "a"},
		"a body without end":   {"http", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"},
		"a body of 8 EiB":      {"http", "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", "a"},
		"headers without end":  {"http", "HTTP/1.1 200 OK\r\n", "A: b\r\n"},
		"an array without end": {"resp", "*2147483647\r\n", ":1\r\n"},
		"arrays in arrays":     {"resp", "", "*1\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, flood(c.head, c.more))
			o := testOptions(s)
			o.Protocol, o.Connections, o.Timeout, o.Duration = c.protocol, 2, 300*time.Millisecond, 500*time.Millisecond
			if o.Payload = "64"; c.protocol == "resp" {
				o.Payload = "PING"
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			sum, err := Run(t.Context(), o, nil)
			runtime.ReadMemStats(&after)
			var refused *TargetError
			if err != nil && !errors.As(err, &refused) {
				t.Fatalf("the server was never asked: %v", err)
			}
			if err == nil && sum.Totals.Counts.OK > 0 && len(sum.Totals.Endings) == 0 {
				t.Errorf("the flood was taken for answers: %+v", sum.Totals)
			}
			if taken := after.TotalAlloc - before.TotalAlloc; taken > 128<<20 {
				t.Errorf("took %d MiB of memory", taken>>20)
			}
			t.Logf("%v", err)
		})
	}
}
