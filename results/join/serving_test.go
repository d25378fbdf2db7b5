// SPDX-License-Identifier: Apache-2.0

package join

import (
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestSamplesFindTheirRequest(t *testing.T) {
	request := func(taker, sender uint32, taken, answered, sending, trip int64) results.Joined {
		return results.Joined{
			Request: results.Request{Sent: 0, Received: trip, Kind: uint16(trip)},
			Taken:   taken, Answered: answered, TakenBy: taker, SentBy: sender,
			Delivery: results.DeliverySplit{Sending: sending, Known: sending > 0},
		}
	}
	joined := []results.Joined{
		request(1, 1, 100, 200, 10, 1),
		request(1, 1, 300, 400, 0, 2), // taken together,
		request(1, 1, 300, 500, 0, 3), // answered one after another
		request(1, 1, 600, 900, 0, 4), // waits while
		request(1, 1, 700, 800, 0, 5), // this one is served
		request(2, 3, 100, 400, 0, 6), // handed to another thread
		request(2, 3, 110, 600, 0, 7), // which takes its turn
	}
	for _, c := range []struct {
		thread uint32
		at     int64
		want   int64 // 0: none
	}{
		{1, 99, 0}, {1, 100, 1}, {1, 210, 1}, {1, 211, 0},
		{1, 350, 2}, {1, 450, 3}, {1, 501, 0},
		{1, 650, 4}, {1, 750, 5}, {1, 850, 4},
		{3, 350, 6}, {3, 450, 7}, {2, 350, 0}, {9, 350, 0},
	} {
		samples := []results.Sample{{Thread: c.thread, At: c.at}}
		var serving Serving
		serving.Add(joined[:len(joined)/2])
		serving.Add(joined[len(joined)/2:])
		serving.Serve(samples)
		if s := samples[0]; s.Served != (c.want != 0) || s.RoundTrip != c.want || int64(s.Request) != c.want {
			t.Errorf("thread %d at %d: %+v, want request %d", c.thread, c.at, s, c.want)
		}
	}
}
