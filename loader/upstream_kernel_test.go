// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// What a server under test asks upstream for each request, and is told.
const (
	questionBytes = 70
	tellBytes     = 30
)

// upstreamOf is how a server asks at an address "network:address": one send and, of
// an answer that is read in two parts, two receives. It also talks to itself over a
// pair of sockets, which is nobody's upstream.
func upstreamOf(where string) func() {
	network, address, found := strings.Cut(where, ":")
	if !found {
		return func() {}
	}
	conn, err := net.Dial(network, address)
	must(err)
	raw, err := conn.(interface{ File() (*os.File, error) }).File()
	must(err)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	must(err)
	fd, question, tell := int(raw.Fd()), make([]byte, questionBytes), make([]byte, tellBytes/2)
	must(unix.SetNonblock(fd, false))
	return func() {
		must(unix.Sendto(pair[0], question, 0, nil))
		_, _, err := unix.Recvfrom(pair[1], question, unix.MSG_WAITALL)
		must(err)
		must(unix.Sendto(fd, question, 0, nil))
		for range 2 {
			_, _, err := unix.Recvfrom(fd, tell, unix.MSG_WAITALL)
			must(err)
		}
	}
}

func startUpstream(t *testing.T, network string) (where string) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "u")
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { listener.Close(); <-done })
	go func() {
		defer close(done)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		question := make([]byte, questionBytes)
		for {
			if _, err := io.ReadFull(conn, question); err != nil {
				return
			}
			if _, err := conn.Write(make([]byte, tellBytes)); err != nil {
				return
			}
		}
	}()
	return network + ":" + listener.Addr().String()
}

func TestWhatGoesUpstreamIsCounted(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) { onEachRung(t, whatGoesUpstream(network, Options{Client: os.Getpid()})) })
	}
	t.Run("watched", func(t *testing.T) { onEachRung(t, whatGoesUpstream("unix", Options{Watch: true})) })
}

func whatGoesUpstream(network string, options Options) func(*testing.T, Rung) {
	return func(t *testing.T, rung Rung) {
		where := startUpstream(t, network) // ends behind the server
		pid, conn := startServer(t, "IPCPROBE_TEST_UPSTREAM="+where)
		options.Rung, options.Target = rung, pid
		probes := open(t, options)
		if err := probes.Attach(); err != nil {
			t.Fatal(err)
		}
		const n = 400
		exchange(t, conn, 5)
		count(t, probes, true)
		exchange(t, conn, n)
		count(t, probes, false)
		exchange(t, conn, 5)
		if err := probes.Detach(); err != nil {
			t.Fatal(err)
		}
		got, err := probes.Upstream()
		if err != nil {
			t.Fatal(err)
		}
		want := results.UpstreamSums{
			Sends: n, Receives: 2 * n, BytesOut: n * questionBytes, BytesIn: n * tellBytes, RoundTrips: n,
		}
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
