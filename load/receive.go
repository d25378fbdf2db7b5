// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// ErrGone says that the load generator itself has ended, and not the server.
var ErrGone = errors.New("the load generator ended unexpectedly")

// errSilent is what becomes of an order that the child does not answer.
var errSilent = errors.New("the load generator does not answer")

// send gives the child an order.
func (g *Generator) send(kind byte, o order) error {
	message, err := appendMessage(nil, kind, o)
	if err != nil {
		return err
	}
	if _, err := g.control.Write(message); err != nil {
		return g.lost(err)
	}
	return nil
}

// await waits for the child's next answer, which must be of one of kinds.
func (g *Generator) await(wait time.Duration, kinds ...byte) (reply, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case r := <-g.replies:
			if slices.Contains(kinds, r.kind) {
				return r, nil
			}
			// An answer to an order that was given up earlier: not ours.
		case <-g.gone:
			select {
			case r := <-g.replies: // it came before the end
				if slices.Contains(kinds, r.kind) {
					return r, nil
				}
				continue
			default:
			}
			return reply{}, g.lost(io.ErrUnexpectedEOF)
		case <-timer.C:
			return reply{}, fmt.Errorf("%w (%v)", errSilent, wait)
		}
	}
}

// lost words the end of the control socket.
func (g *Generator) lost(err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended != nil {
		err = g.ended
	}
	return fmt.Errorf("%w: %w", ErrGone, err)
}

// receive reads the child's messages until its end.
func (g *Generator) receive() {
	defer close(g.gone)
	in := bufio.NewReaderSize(g.control, 64<<10)
	for {
		err := g.receiveOne(in)
		if err == nil {
			continue
		}
		if errors.Is(err, os.ErrClosed) {
			err = errors.New("closed")
		}
		g.mu.Lock()
		g.ended = err
		g.mu.Unlock()
		g.fail(fmt.Errorf("%w: %w", ErrGone, err))
		return
	}
}

// fail notes the first reason why there is no load any more.
func (g *Generator) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failure == nil && !g.stopped {
		g.failure = err
		close(g.failed)
	}
}

// receiveOne takes one message.
func (g *Generator) receiveOne(in *bufio.Reader) error {
	kind, n, err := readHead(in)
	if err != nil {
		return err
	}
	if kind == kindRequests && g.record != nil {
		return g.recordRequests(in, n)
	}
	if kind == kindRequests {
		return g.receiveRequests(in, n)
	}
	body := make([]byte, n)
	if _, err := io.ReadFull(in, body); err != nil {
		return err
	}
	return g.take(kind, body)
}

// receiveRequests reads a block of requests into the store of all of them.
func (g *Generator) receiveRequests(in *bufio.Reader, n int) error {
	if n < requestsHead || (n-requestsHead)%requestSize != 0 {
		return fmt.Errorf("read requests: a block of %d bytes is damaged", n)
	}
	if _, err := in.Discard(requestsHead); err != nil {
		return err
	}
	count := (n - requestsHead) / requestSize
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.requests)+count > g.records {
		return fmt.Errorf("read requests: more than the %d that were asked for", g.records)
	}
	old := len(g.requests)
	if old+count > cap(g.requests) { // at least twice as many: a slice holds some 100,000
		g.requests = slices.Grow(g.requests, max(count, old))
	}
	g.requests = g.requests[:old+count]
	_, err := io.ReadFull(in, requestBytes(g.requests[old:]))
	return err
}

// take notes what a message says.
func (g *Generator) take(kind byte, body []byte) error {
	r := reply{kind: kind, body: body}
	switch kind {
	case kindConnection:
		var c results.Connection
		err := decode(r, &c)
		g.mu.Lock()
		g.connections = append(g.connections, c)
		g.mu.Unlock()
		g.recordConnections(c)
		return err
	case kindInterval:
		return g.takeInterval(body)
	case kindKinds:
		return g.takeKinds(body)
	case kindProgress:
		var p Progress
		err := decode(r, &p)
		g.mu.Lock()
		g.progress = p
		g.mu.Unlock()
		return err
	case kindExhausted:
		g.mu.Lock()
		defer g.mu.Unlock()
		select {
		case <-g.exhausted:
		default:
			close(g.exhausted)
		}
		return nil
	case kindFailure:
		var f failureReport
		err := decode(r, &f)
		g.fail(errors.New(f.Reason))
		return err
	case kindReady:
		var ready readyReport
		if err := decode(r, &ready); err != nil {
			return err
		}
		g.mu.Lock()
		g.connections = append(g.connections, ready.Connections...)
		g.mu.Unlock()
		g.recordConnections(ready.Connections...)
	case kindBegun, kindEnded:
		if err := g.takeSlice(r); err != nil {
			return err
		}
	case kindFinal, kindRefused: // what follows is the child's end
		g.mu.Lock()
		g.stopped = true
		g.mu.Unlock()
	case kindSynced:
	default:
		return fmt.Errorf("read message: its kind is %q", kind)
	}
	select {
	case g.replies <- r:
		return nil
	default:
		return errors.New("read message: more answers than orders")
	}
}

// takeSlice notes a slice's begin or end.
func (g *Generator) takeSlice(r reply) error {
	var s sliceReport
	if err := decode(r, &s); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.kind == kindBegun {
		g.hushOnce.Do(func() {
			if g.command != nil { // its loop runs now, and the thread naps
				go hush(g.command.Process.Pid, g.gone)
			}
		})
		store := &sliceStore{recorded: s.Record, slice: results.Slice{Index: s.Index, Mode: s.Mode, Start: s.Start}}
		g.slices[s.Index] = store
		g.recordSlice(&store.slice)
		return nil
	}
	if store := g.slices[s.Index]; store != nil {
		store.slice.Start, store.slice.End = s.Start, s.End
		store.slice.GeneratorNs = s.GeneratorNs
		g.recordSlice(&store.slice)
	}
	return nil
}

// takeInterval keeps an interval; End decodes it.
func (g *Generator) takeInterval(body []byte) error {
	if len(body) < intervalHead {
		return fmt.Errorf("read interval: %d bytes are too few", len(body))
	}
	index := int(int64(binary.LittleEndian.Uint64(body)))
	g.mu.Lock()
	defer g.mu.Unlock()
	if store := g.slices[index]; store != nil {
		return store.add(body)
	}
	late, _, err := readInterval(body)
	if err != nil {
		return err
	}
	if late.RoundTrip.Total() > 0 {
		g.late = append(g.late, late)
	}
	return nil
}

// Late returns, after Stop, the latencies of requests that began in a bare slice
// and were answered behind its end, as intervals without length and counts.
// Interval.Slice says which slice they belong to.
func (g *Generator) Late() []results.Interval {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.late
}

// decode reads the JSON body of a message.
func decode(r reply, to any) error {
	if err := json.Unmarshal(r.body, to); err != nil {
		return fmt.Errorf("read message %q: %w", r.kind, err)
	}
	return nil
}
