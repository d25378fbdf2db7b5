// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// sliceOf is a slice of one second in which ok requests were answered after
// response ns each.
func sliceOf(ok, sent, response int64) results.Slice {
	v := results.Interval{
		Counts:       results.Counts{Sent: sent, OK: ok},
		ResponseTime: results.NewHistogram(), RoundTrip: results.NewHistogram(), SendLag: results.NewHistogram(),
	}
	if ok > 0 {
		// In range, so it can't fail.
		_ = v.ResponseTime.RecordValues(response, ok)
	}
	return results.Slice{Start: 0, End: 1e9, Intervals: []results.Interval{v}}
}

func TestRuleOfValidity(t *testing.T) {
	const ms = 1_000_000
	tests := []struct {
		name     string
		evidence Evidence
		slice    results.Slice
		invalid  string // "": valid
		warns    string
	}{
		{"closed loop", Evidence{Counts: results.Counts{OK: 100}}, sliceOf(100, 100, ms), "", ""},
		{"open loop, in time", Evidence{Due: 10_000, OwnLagP99: ms / 20}, sliceOf(10_000, 10_000, ms), "", ""},
		{"lag at the margin", Evidence{Due: 10_000, OwnLagP99: ms / 10}, sliceOf(10_000, 10_000, ms), "", ""},
		{"generator late", Evidence{Due: 10_000, OwnLagP99: ms / 5}, sliceOf(10_000, 10_000, ms), "generator was late", ""},
		{"generator sent too few", Evidence{Due: 100_000}, sliceOf(95_000, 95_000, ms), "generator sent 5.0 % fewer", ""},
		{"server held requests back", Evidence{Due: 100_000, Held: 5000}, sliceOf(95_000, 95_000, ms), "", "did not keep up"},
		{"server still owes answers", Evidence{Due: 100_000}, sliceOf(95_000, 100_000, ms), "", "did not keep up"},
		{"few requests scatter", Evidence{Due: 100}, sliceOf(80, 80, ms), "", ""},
		{"no answer", Evidence{Due: 100}, sliceOf(0, 100, ms), "no request was answered", ""},
		{"errors below the limit", Evidence{Counts: results.Counts{OK: 990, Error: 10}, MaxErrors: 1}, sliceOf(990, 1000, ms), "", ""},
		{"errors above the limit", Evidence{Counts: results.Counts{OK: 980, Timeout: 10, Broken: 10}, MaxErrors: 1}, sliceOf(980, 1000, ms), "2.0 % of the requests failed", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.evidence.AddSlice(tt.slice)
			v := tt.evidence.Judge()
			checkSentence(t, "invalid", v.Invalid, tt.invalid)
			checkSentence(t, "warnings", v.Warnings, tt.warns)
		})
	}
}

func checkSentence(t *testing.T, what string, got []string, want string) {
	t.Helper()
	text := strings.Join(got, "; ")
	if (want == "") != (text == "") || !strings.Contains(text, want) {
		t.Errorf("%s: %q, want %q", what, text, want)
	}
}

// TestStallIsFeltByAllWhoWait: while a server stalls, an open loop's requests
// fall due all the same, and their response times say so. A closed loop sends
// none, so that only those in flight see it.
func TestStallIsFeltByAllWhoWait(t *testing.T) {
	const stall, n = 400 * time.Millisecond, 1000
	slow := map[string]int64{}
	for _, rate := range []string{"1000", "max"} {
		var once sync.Once
		s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
			for {
				if _, err := s.next(in); err != nil {
					return err
				}
				if s.requests.Load() > 100 {
					once.Do(func() { time.Sleep(stall) })
				}
				if _, err := c.Write(goodAnswer); err != nil {
					return err
				}
			}
		})
		o := testOptions(s)
		o.Rate, o.Arrivals, o.Connections, o.Requests = rate, ArrivalsConstant, 1, n
		sum, err := Run(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range sum.Slice.Intervals {
			for _, bar := range v.ResponseTime.Distribution() {
				if bar.From >= int64(stall/4) {
					slow[rate] += bar.Count
				}
			}
		}
	}
	// At 1,000 a second, 300 requests fell due in the stall's first 300 ms, and
	// each of them waited for a quarter of the stall at least.
	if slow["1000"] < 290 || slow["max"] >= slow["1000"] {
		t.Errorf("slow requests: %v, want at least 290 in the open loop and fewer in the closed", slow)
	}
}
