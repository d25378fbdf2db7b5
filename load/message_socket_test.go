// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// messageServer answers each message, which must be one whole request, with one.
type messageServer struct {
	path            string
	requests, wrong atomic.Int64
	wait            sync.WaitGroup
	close           func() error
}

func startMessages(t *testing.T, network string) *messageServer {
	t.Helper()
	dir, err := os.MkdirTemp("", "load") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &messageServer{path: filepath.Join(dir, "s")}
	address := &net.UnixAddr{Name: s.path, Net: network}
	if network == "unixgram" {
		c, err := net.ListenUnixgram(network, address)
		if err != nil {
			t.Fatal(err)
		}
		s.close = c.Close
		s.wait.Go(func() { s.answer(c) })
	} else {
		listener, err := net.ListenUnix(network, address)
		if err != nil {
			t.Fatal(err)
		}
		s.close = listener.Close
		s.wait.Go(func() { s.accept(listener) })
	}
	t.Cleanup(func() {
		s.close()
		s.wait.Wait()
		os.RemoveAll(dir)
	})
	return s
}

func (s *messageServer) accept(listener *net.UnixListener) {
	for {
		c, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		s.wait.Go(func() {
			defer c.Close()
			s.answer(c)
		})
	}
}

// answer serves a connection, or all clients of a socket that has none.
func (s *messageServer) answer(c *net.UnixConn) {
	message := make([]byte, 256<<10)
	for {
		n, from, err := c.ReadFromUnix(message)
		if err != nil || n == 0 {
			return
		}
		s.requests.Add(1)
		if n < wire.IPCHeader || int(binary.BigEndian.Uint32(message)) != n {
			s.wrong.Add(1)
		}
		if from != nil && from.Name != "" {
			_, err = c.WriteToUnix(goodAnswer, from)
		} else {
			_, err = c.Write(goodAnswer)
		}
		if err != nil {
			return
		}
	}
}

func TestAMessageHoldsOneRequest(t *testing.T) {
	shapes := map[string]func(*Options){
		"one connection": func(o *Options) { o.Connections = 1 },
		"pipeline 4":     func(o *Options) { o.Connections, o.Pipeline = 3, 4 },
		"open loop":      func(o *Options) { o.Connections, o.Rate = 4, "5000" },
		"two threads":    func(o *Options) { o.Connections, o.Threads = 4, 2 },
		"mix":            func(o *Options) { o.Mix, o.Pipeline = "50% 0x01 256B, 30% 0x02 {\"n\":{{seq}}}, 20% 100KiB", 3 },
	}
	for _, network := range []string{"unixpacket", "unixgram"} {
		for name, shape := range shapes {
			t.Run(network+"/"+name, func(t *testing.T) {
				s := startMessages(t, network)
				o := Defaults()
				o.Socket, o.Timeout, o.Warmup, o.Duration = s.path, 2*time.Second, 0, 10*time.Second
				o.Requests = 1000
				shape(&o)
				sum, err := Run(t.Context(), o, nil)
				if err != nil {
					t.Fatal(err)
				}
				all := o.Requests + 1 // with the probe
				if c := sum.Totals.Counts; c.OK != all || c.Failed() != 0 || c.Censored != 0 {
					t.Errorf("totals are %+v, want %d answered", c, all)
				}
				if n := s.requests.Load(); n != all || s.wrong.Load() != 0 {
					t.Errorf("the server got %d messages, want %d; %d were no request", n, all, s.wrong.Load())
				}
			})
		}
	}
}

func TestARequestThatNoMessageHolds(t *testing.T) {
	s := startMessages(t, "unixpacket")
	o := Defaults()
	o.Socket, o.Payload = s.path, "4000000"
	_, err := Run(t.Context(), o, nil)
	var trouble *TargetError
	if !errors.As(err, &trouble) || trouble.Trouble != TooLarge || !strings.Contains(err.Error(), "smaller --payload") {
		t.Errorf("got %v", err)
	}
}
