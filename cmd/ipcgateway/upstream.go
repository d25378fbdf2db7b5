// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// subjects are those on which the gateway sends its tasks.
const subjects = "gateway.>"

// payloadMax is the server's limit in bytes: above the largest frame of the
// gateway's protocol (4 MiB), so that NATS is never what refuses it.
const payloadMax = 8 << 20

// upstream is what stands behind the gateway: a NATS server and one worker,
// which gives every task back as it came.
type upstream struct {
	server   *server.Server // nil while it is away
	conn     *nats.Conn
	port     int
	delay    time.Duration
	received atomic.Uint64 // tasks that reached the worker
	answered atomic.Uint64 // tasks it answered
}

// openUpstream starts the server on a free loopback port, and the worker, which
// takes delay for each answer.
func openUpstream(delay time.Duration) (*upstream, error) {
	u := &upstream{port: server.RANDOM_PORT, delay: delay}
	if err := u.open(); err != nil {
		return nil, err
	}
	u.port = u.server.Addr().(*net.TCPAddr).Port
	return u, nil
}

// open starts the server on its port, and the worker.
func (u *upstream) open() error {
	ns, err := server.NewServer(&server.Options{
		ServerName: "ipcgateway",
		Host:       "127.0.0.1",
		Port:       u.port,
		MaxPayload: payloadMax,
		NoSigs:     true,
		NoLog:      true,
	})
	if err != nil {
		return fmt.Errorf("start the NATS server: %w", err)
	}
	u.server = ns
	ns.Start()
	if !ns.ReadyForConnections(10 * time.Second) {
		u.close()
		return errors.New("start the NATS server: it did not come up within 10 seconds")
	}
	if err := u.work(u.delay); err != nil {
		u.close()
		return fmt.Errorf("start the NATS worker: %w", err)
	}
	return nil
}

// toggle takes the server away, or brings it back on the same port. The gateway
// notices, and comes back by itself.
func (u *upstream) toggle() error {
	if u.server == nil {
		return u.open()
	}
	u.close()
	return nil
}

// work subscribes the worker, inside this process, without a socket.
func (u *upstream) work(delay time.Duration) error {
	conn, err := nats.Connect("", nats.InProcessServer(u.server), nats.Name("worker"))
	if err != nil {
		return err
	}
	u.conn = conn
	_, err = conn.Subscribe(subjects, func(m *nats.Msg) {
		u.received.Add(1)
		time.Sleep(delay)
		if m.Respond(m.Data) == nil {
			u.answered.Add(1)
		}
	})
	if err != nil {
		return err
	}
	return conn.Flush() // the subscription stands before the gateway starts
}

func (u *upstream) url() string { return u.server.ClientURL() }

// close ends the worker, after what it has already received, and the server.
func (u *upstream) close() {
	if u.conn != nil {
		u.conn.Close()
	}
	if u.server != nil {
		u.server.Shutdown()
		u.server.WaitForShutdown()
	}
	u.conn, u.server = nil, nil
}
