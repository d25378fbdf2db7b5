// SPDX-License-Identifier: Apache-2.0

package load

import (
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// flight is a request that waits for its answer, or to be sent.
type flight struct {
	intended int64  // due time; 0 in a closed loop: the same as sent
	sent     int64  // stamp before the send call with its first byte; 0 before that
	held     int64  // ns of the send lag that the server is the cause of
	outEnd   uint64 // position behind its last byte
	outLen   uint32
	late     bool   // counted as a timeout; its answer is taken and forgotten
	alone    bool   // nothing else was owed on the connection when it was sent
	kind     uint16 // index in the mix
}

// begun is when the request began to count: when it was due, or in a closed loop
// sent.
func (f *flight) begun() int64 {
	if f.intended != 0 {
		return f.intended
	}
	return f.sent
}

// conn is one connection of a worker, over all its lives.
type conn struct {
	fd     int32  // -1: closed
	slot   uint32 // index among the worker's connections
	index  uint32 // results.Connection.Index of this life
	life   uint32 // counts the lives, to tell stale events
	ring   []flight
	head   uint32 // oldest flight; counts on, masked by len(ring)-1
	tail   uint32 // behind the newest flight
	unsent uint32 // first flight of which no byte was sent

	begun  uint64 // position behind the last request of which a byte was sent
	queued uint64 // position behind the last request in the ring
	sent   uint64 // bytes the kernel took
	in     uint64 // bytes taken off the stream back
	answer uint64 // position at which the current answer begins

	out []byte // of a maker's requests: the bytes up to queued, with some that were sent

	cursor   wire.Cursor
	keep     []byte // bytes received that no answer could be made of yet
	lastIn   int64  // stamp of the last bytes, or of the connection's begin
	blocked  bool   // the socket is full: waiting to be writable
	draining bool   // a sync is wanted: no new request
	parked   bool   // its socket stays open behind this life
	closing  bool   // the server announced that it closes: no new request
	dirty    bool   // has requests to flush
	owed     int    // requests whose think time ended while draining
	retryAt  int64  // closed: when to connect again; 0: never
	backoff  int64  // ns to wait after the next failure
}

// newConn returns a closed connection for so many requests in flight.
func newConn(slot, depth int) *conn {
	size := 1
	for size < depth {
		size <<= 1
	}
	return &conn{fd: -1, slot: uint32(slot), ring: make([]flight, size)}
}

// open starts a new life on a connected socket.
func (c *conn) open(fd int, index uint32, now int64) {
	*c = conn{
		fd: int32(fd), slot: c.slot, index: index, life: c.life + 1,
		ring: c.ring, keep: c.keep[:0], out: c.out[:0], lastIn: now, backoff: c.backoff,
	}
}

// at is the flight with the given count.
//
//go:nosplit
func (c *conn) at(i uint32) *flight { return &c.ring[i&uint32(len(c.ring)-1)] }

// inFlight is the number of requests in the ring.
//
//go:nosplit
func (c *conn) inFlight() int { return int(c.tail - c.head) }

// idle: nothing is owed in either direction.
//
//go:nosplit
func (c *conn) idle() bool {
	return c.head == c.tail && c.sent == c.queued && c.in == c.answer && len(c.keep) == 0
}

// hold keeps bytes that no answer could be made of yet.
func (c *conn) hold(b []byte) { c.keep = append(c.keep, b...) }

// tag is what epoll says of this life's socket.
func (c *conn) tag() uint64 { return uint64(c.life)<<32 | uint64(c.slot) }

// midFrame: half a request has been sent.
func (c *conn) midFrame() bool { return c.sent < c.begun }

// withdraw takes back the requests of which no byte was sent, and returns how
// many.
func (c *conn) withdraw() int64 {
	n := c.tail - c.unsent
	c.tail = c.unsent
	left := max(c.sent, c.begun)
	if len(c.out) > 0 {
		c.out = c.out[:len(c.out)-int(c.queued-left)]
	}
	c.queued = left
	return int64(n)
}

const (
	firstBackoff = 10_000_000    // 10 ms
	lastBackoff  = 1_000_000_000 // 1 s
)

// shut ends a life; it is opened again after the back-off unless never.
func (c *conn) shut(now int64, never bool) {
	if !c.parked {
		unix.Close(int(c.fd))
	}
	c.fd = -1
	c.wait(now, never)
}

// wait puts off the next attempt to connect.
func (c *conn) wait(now int64, never bool) {
	if never {
		c.retryAt = 0
		return
	}
	c.backoff = min(max(2*c.backoff, firstBackoff), lastBackoff)
	c.retryAt = now + c.backoff
}
