// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// The tracks of a request, in the order in which they are shown.
const (
	trackClient = iota + 1
	trackSocket
	trackServer
	trackCalls
	trackUpstream
	trackEnd
)

var trackNames = [trackEnd]string{
	trackClient: "client", trackSocket: "socket", trackServer: "server thread",
	trackCalls: "system calls", trackUpstream: "upstream",
}

// Options say what a picture is of.
type Options struct {
	Origin int64                                 // taken off all times: when the first slice began, ns
	Title  string                                // of the run
	Stack  func(sample *results.Sample) []string // functions of a sample, leaf first; nil: none are named
}

// Write draws requests as trace.json. The error is the writer's.
func Write(w io.Writer, requests []Request, o Options) error {
	doc := document{
		Unit: "ns", Events: []event{},
		Other: map[string]string{
			"run":    o.Title,
			"times":  "since the first slice began; each request is a process of its own",
			"places": "only what was seen at a known time has a place; what is known by its length alone stands in the arguments",
		},
	}
	for i := range requests {
		p := picture{r: &requests[i], number: i + 1, options: o}
		p.draw()
		doc.Events = append(doc.Events, p.events...)
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", " ")
	err := enc.Encode(&doc)
	if err == nil {
		_, err = w.Write(results.QuietJSON(text.Bytes()))
	}
	if err != nil {
		return fmt.Errorf("write the slowest requests: %w", err)
	}
	return nil
}

// picture is one request in the making.
type picture struct {
	r       *Request
	number  int // of the process
	options Options
	events  []event
}

func (p *picture) draw() {
	p.names()
	p.client()
	p.socket()
	p.server()
	p.calls()
	// Names first, then by time, the outer of two before the inner.
	slices.SortStableFunc(p.events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.At, b.At), cmp.Compare(b.length(), a.length()))
	})
}

func (e *event) rank() int {
	if e.Phase == metadata {
		return 0
	}
	return 1
}

func (e *event) length() micros {
	if e.Length == nil {
		return 0
	}
	return *e.Length
}

// names gives the process and its tracks their names and order.
func (p *picture) names() {
	name := func(what string, track int, args map[string]any) {
		p.events = append(p.events, event{Name: what, Phase: metadata, Process: p.number, Thread: track, Args: args})
	}
	name("process_name", 0, map[string]any{"name": fmt.Sprintf("#%d: %.3f ms on connection %d", p.number, float64(p.r.RoundTrip())/1e6, p.r.Conn)})
	name("process_sort_index", 0, map[string]any{"sort_index": p.number})
	for track := trackClient; track < trackEnd; track++ {
		text := trackNames[track]
		if track == trackServer {
			text = fmt.Sprintf("%s %d", text, p.r.TakenBy)
			if p.r.SentBy != p.r.TakenBy {
				text += fmt.Sprintf(", then %d", p.r.SentBy)
			}
		}
		name("thread_name", track, map[string]any{"name": text})
		name("thread_sort_index", track, map[string]any{"sort_index": track})
	}
}

// span draws a stretch of time, if it has a length.
func (p *picture) span(track int, name string, from, to int64, args map[string]any) {
	if from <= 0 || to <= from {
		return
	}
	length := micros(to - from)
	p.events = append(p.events, event{
		Name: name, Category: trackNames[track], Phase: complete, At: micros(from - p.options.Origin),
		Length: &length, Process: p.number, Thread: track, Args: args,
	})
}

// mark draws a moment.
func (p *picture) mark(track int, name string, at int64, args map[string]any) {
	p.events = append(p.events, event{
		Name: name, Category: trackNames[track], Phase: instant, At: micros(at - p.options.Origin),
		Process: p.number, Thread: track, Scope: "t", Args: args,
	})
}

// client draws when the request was due, sent and answered, and the client's sleep.
func (p *picture) client() {
	r := p.r
	p.span(trackClient, "send lag", max(r.Intended, p.options.Origin), r.Sent, nil)
	p.span(trackClient, "round trip", r.Sent, r.Received, map[string]any{
		"connection": r.Conn, "round_trip_ns": r.RoundTrip(), "bytes_out": r.OutLen, "bytes_in": r.InLen,
	})
	queued := min(r.Queued, r.Received)
	p.span(trackClient, "send call", r.Sent, queued, nil)
	asleep := r.Way.Client
	asleep.Idle = true // it waits for its answers, in whatever call
	for _, part := range parts(stay{Sleep: asleep}, max(r.Sent, queued), r.Received) {
		p.span(trackClient, part.name, part.from, part.to, nil)
	}
}

// socket draws when bytes stood in the queues of either end.
func (p *picture) socket() {
	r := p.r
	var queue, delivery map[string]any
	if r.Queue.Known {
		queue = map[string]any{"server_busy_ns": r.Queue.Busy, "run_queue_ns": r.Queue.RunQueue, "wake_up_ns": r.Queue.WakeUp}
	}
	if r.Delivery.Known {
		delivery = map[string]any{"sending_ns": r.Delivery.Sending, "client_busy_ns": r.Delivery.Busy,
			"run_queue_ns": r.Delivery.RunQueue, "wake_up_ns": r.Delivery.WakeUp}
	}
	p.span(trackSocket, "request queued", r.Queued, r.Taken, queue)
	p.span(trackSocket, "answer on its way", max(r.Answered, r.Taken), r.Received, delivery)
}

// calls draws the two calls that carry request and answer, and the entries that
// were sampled.
func (p *picture) calls() {
	r := p.r
	if began := r.Way.TakeBegan; began > 0 {
		var args map[string]any
		if began < r.Sent {
			args = map[string]any{"entered_before_the_request_ns": r.Sent - began}
		}
		p.span(trackCalls, "receive", max(began, r.Sent), r.Taken, args)
	}
	p.span(trackCalls, "send", max(r.Answered, r.Taken), r.Way.SendEnded, nil)
	for i := range r.Moments {
		if s := &r.Moments[i]; s.Kind == results.CallEntry {
			p.mark(trackCalls, "enters "+s.Call, s.At, p.sampled(s))
		}
	}
}

// sampled describes a sample: its stack, and how many moments like it there were.
func (p *picture) sampled(s *results.Sample) map[string]any {
	args := map[string]any{"one_in": s.Weight}
	if p.options.Stack != nil {
		if stack := p.options.Stack(s); len(stack) > 0 {
			args["stack"] = stack
		}
	}
	return args
}
