// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// mailbox carries orders to a worker and its reports back. Neither side ever
// waits for the other.
type mailbox struct {
	fd      int // eventfd that wakes the worker
	mu      sync.Mutex
	orders  []order
	reports []report
	wake    chan struct{} // wakes the engine

	full  chan *interval // finished, for the engine to ship
	empty chan *interval
	// Blocks of requests, likewise.
	fullBlocks  chan *block
	emptyBlocks chan *block
	// The counts of a mix, for one slice each.
	emptyKinds chan []kindTally
}

// report is one thing that a worker tells its engine.
type report struct {
	kind       byte
	slice      sliceReport
	worker     int
	kinds      []kindTally // of a slice that ended, to be given back empty
	connection results.Connection
	syncs      []results.Sync
	reason     string
	totals     Totals
	ownLag     *tally
}

// block is a stretch of kept requests, 64 KiB of them.
type block struct {
	slice int
	n     int
	list  [(64 << 10) / 56]results.Request
}

const (
	spareIntervals = 16       // per worker: 1.6 s of them
	spareBlocks    = 32 << 20 // bytes of kept requests, over all workers
)

func newMailbox(workers int, wake chan struct{}) (*mailbox, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("make mailbox: %w", err)
	}
	blocks := max(4, spareBlocks/(64<<10)/workers)
	m := &mailbox{
		fd: fd, wake: wake,
		full: make(chan *interval, spareIntervals), empty: make(chan *interval, spareIntervals),
		fullBlocks: make(chan *block, blocks), emptyBlocks: make(chan *block, blocks),
	}
	for range spareIntervals {
		m.empty <- new(interval)
	}
	for range blocks {
		m.emptyBlocks <- new(block)
	}
	return m, nil
}

// stock lays up the counts of so many kinds: for the open slice, and for one
// that has ended and is being shipped.
func (m *mailbox) stock(kinds int) {
	const sets = 2
	m.emptyKinds = make(chan []kindTally, sets)
	for range sets {
		m.emptyKinds <- make([]kindTally, kinds)
	}
}

// order gives the worker an order.
func (m *mailbox) order(o order) {
	m.mu.Lock()
	m.orders = append(m.orders, o)
	m.mu.Unlock()
	one := [8]byte{1}
	// An eventfd whose counter is full has woken its reader already.
	_, _ = unix.Write(m.fd, one[:])
}

// report tells the engine something.
func (m *mailbox) report(r report) {
	m.mu.Lock()
	m.reports = append(m.reports, r)
	m.mu.Unlock()
	m.nudge()
}

// nudge has the engine look at its mailboxes.
func (m *mailbox) nudge() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// reported takes all reports.
func (m *mailbox) reported() []report {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.reports
	m.reports = nil
	return r
}

// ordered takes all orders.
func (m *mailbox) ordered() []order {
	var sink [8]byte
	_, _ = unix.Read(m.fd, sink[:]) // resets the counter; empty is fine too
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.orders
	m.orders = nil
	return o
}
