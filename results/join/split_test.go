// SPDX-License-Identifier: Apache-2.0

package join

import (
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// way is a request whose legs are 10, 100, 1000 and 100 long.
func way() results.Joined {
	return results.Joined{
		Request: results.Request{Sent: 1000, Received: 2210},
		Queued:  1010, Taken: 1110, Answered: 2110,
	}
}

func TestServiceTimeIsSplitByTheThreadsClocks(t *testing.T) {
	taken := results.Observation{Thread: 7, Clocks: results.Clocks{Kernel: 50, Blocked: 60, Upstream: 20, RunQueue: 70}}
	for name, tt := range map[string]struct {
		sent results.Observation
		want results.ServiceSplit
	}{
		"computing": {
			results.Observation{Thread: 7, Begin: 2110, Clocks: taken.Clocks},
			results.ServiceSplit{User: 1000, Known: true},
		},
		"a bit of everything": {
			results.Observation{Thread: 7, Begin: 2110, Clocks: results.Clocks{Kernel: 150, Blocked: 360, Upstream: 220, RunQueue: 170}},
			results.ServiceSplit{User: 500, Kernel: 100, Blocked: 100, Upstream: 200, RunQueue: 100, Known: true},
		},
		"clocks that exceed the time are cut to it": {
			results.Observation{Thread: 7, Begin: 2110, Clocks: results.Clocks{Kernel: 50, Blocked: 5060, Upstream: 20, RunQueue: 70}},
			results.ServiceSplit{Blocked: 1000, Known: true},
		},
		"another thread answered": {
			results.Observation{Thread: 8, Begin: 2110}, results.ServiceSplit{},
		},
		"the send's entry was not seen": {
			results.Observation{Thread: 7}, results.ServiceSplit{},
		},
	} {
		if got := splitService(1000, &taken, &tt.sent); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}

func TestQueueWaitIsSplitByWhatTheServerDid(t *testing.T) {
	for name, tt := range map[string]struct {
		sleep results.Sleep
		work  results.Work
		want  results.QueueSplit
	}{
		"idle, woken at once, waits for a CPU": {
			results.Sleep{Began: 900, Woken: 1012, Ran: 1092, Idle: true}, results.Work{Took: 500, Done: 800},
			results.QueueSplit{RunQueue: 80, WakeUp: 20, Known: true},
		},
		"idle, first request ever": {
			results.Sleep{Began: 900, Woken: 1050, Ran: 1050, Idle: true}, results.Work{},
			results.QueueSplit{WakeUp: 100, Known: true},
		},
		"woken, takes others first": {
			results.Sleep{Began: 900, Woken: 1020, Ran: 1040, Idle: true}, results.Work{Took: 1045, Done: 1080},
			results.QueueSplit{Busy: 70, RunQueue: 20, WakeUp: 10, Known: true},
		},
		"at work all along": {
			results.Sleep{Began: 100, Woken: 110, Ran: 120}, results.Work{Took: 990, Done: 1090},
			results.QueueSplit{Busy: 100, Known: true},
		},
		"at work, kept from running": {
			results.Sleep{Began: 100, Woken: 110, Ran: 120}, results.Work{Took: 990, Done: 1090, Delay: 30},
			results.QueueSplit{Busy: 70, RunQueue: 30, Known: true},
		},
		"sleeps in another request's service": {
			results.Sleep{Began: 1020, Woken: 1080, Ran: 1085}, results.Work{Took: 1005, Done: 700},
			results.QueueSplit{Busy: 100, Known: true},
		},
		"awake and free": {
			results.Sleep{Began: 100, Woken: 110, Ran: 120}, results.Work{},
			results.QueueSplit{WakeUp: 100, Known: true},
		},
		"never seen before": {
			results.Sleep{}, results.Work{}, results.QueueSplit{},
		},
	} {
		j := way()
		got := splitQueue(&j, &results.Observation{Sleep: tt.sleep, Work: tt.work})
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
		if got.Known && got.Busy+got.RunQueue+got.WakeUp != j.QueueWait() {
			t.Errorf("%s: the parts don't add up: %+v", name, got)
		}
	}
}

func TestReplyDeliveryIsSplitByWhatTheClientDid(t *testing.T) {
	sent := results.Observation{Begin: 2110, At: 2130}
	for name, tt := range map[string]struct {
		sleep results.Sleep
		want  results.DeliverySplit
	}{
		"asleep, woken, waits for a CPU": {
			results.Sleep{Began: 1015, Woken: 2135, Ran: 2180},
			results.DeliverySplit{Sending: 20, RunQueue: 45, WakeUp: 35, Known: true},
		},
		"at other answers": {
			results.Sleep{Began: 900, Woken: 910, Ran: 920},
			results.DeliverySplit{Sending: 20, Busy: 80, Known: true},
		},
		"busy first, then asleep": {
			results.Sleep{Began: 2150, Woken: 2160, Ran: 2170},
			results.DeliverySplit{Sending: 20, Busy: 20, RunQueue: 10, WakeUp: 50, Known: true},
		},
		"never seen asleep": {results.Sleep{}, results.DeliverySplit{}},
	} {
		j := way()
		got := splitDelivery(&j, &sent, tt.sleep)
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
		if got.Known && got.Sending+got.RunQueue+got.WakeUp+got.Busy != j.ReplyDelivery() {
			t.Errorf("%s: the parts don't add up: %+v", name, got)
		}
	}
}

func TestTheSleepBeforeAReadIsFound(t *testing.T) {
	var s sleeps
	s.reset([]results.Observation{
		{Kind: results.Delivered, Thread: 2, At: 300, Sleep: results.Sleep{Ran: 290}},
		{Kind: results.Delivered, Thread: 1, At: 200, Sleep: results.Sleep{Ran: 190}},
		{Kind: results.Taken, Thread: 1, At: 150},
		{Kind: results.Delivered, Thread: 1, At: 100, Sleep: results.Sleep{Ran: 90}},
	})
	for _, tt := range []struct {
		thread uint32
		at     int64
		ran    int64
	}{{1, 99, 0}, {1, 100, 90}, {1, 199, 90}, {1, 200, 190}, {1, 999, 190}, {2, 250, 0}, {2, 300, 290}, {3, 300, 0}} {
		if got := s.before(tt.thread, tt.at); got.Ran != tt.ran {
			t.Errorf("thread %d at %d: ran %d, want %d", tt.thread, tt.at, got.Ran, tt.ran)
		}
	}
}
