// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// mixed is a healthy run of three kinds, one of them too rare for percentiles.
func mixed() *results.Result {
	r := healthy()
	l := r.Load
	l.PayloadBytes = 214
	l.Kinds = []results.KindLoad{
		{Name: "0x01 256B", SharePct: 80, PayloadBytes: 256, Requests: results.Counts{Sent: 330_500, OK: 330_500},
			AchievedRPS: ptr(33_050.1), ResponseTime: r.Latency.ResponseTime, RoundTrip: r.Latency.RoundTrip},
		{Name: "0x02 64B", SharePct: 19.99, PayloadBytes: 64, Requests: results.Counts{Sent: 82_600, OK: 82_590, Error: 10},
			AchievedRPS: ptr(8_259.0), ResponseTime: r.Latency.ResponseTime, RoundTrip: r.Latency.RoundTrip},
		{Name: "ping", SharePct: 0.01, Requests: results.Counts{Sent: 30, OK: 30}, AchievedRPS: ptr(3.0),
			ResponseTime: &results.Distribution{Count: 30, Min: 9000, Mean: 12_000, Max: 31_000},
			RoundTrip:    &results.Distribution{Count: 30, Min: 9000, Mean: 12_000, Max: 31_000}},
	}
	return r
}

func TestAnInvalidMixShowsCountsOnly(t *testing.T) {
	r := mixed()
	r.Invalidate("the generator was late")
	var out bytes.Buffer
	if err := LoadText(&out, r, nil, Style{Unicode: true}); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "0x02 64B") || strings.Contains(s, "8,259") {
		t.Errorf("want the kinds without their speed:\n%s", s)
	}
}

func TestOneKindHasNoTable(t *testing.T) {
	r := mixed()
	r.Load.Kinds = r.Load.Kinds[:1]
	if b := kindBlocks(r); b != nil {
		t.Errorf("%d blocks", len(b))
	}
}

func TestManyKindsAreCutOff(t *testing.T) {
	r := mixed()
	for range maxKinds {
		r.Load.Kinds = append(r.Load.Kinds, r.Load.Kinds[0])
	}
	var out bytes.Buffer
	if err := LoadText(&out, r, nil, Style{Unicode: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "Another 3 kinds") {
		t.Errorf("nothing says that rows are missing:\n%s", out.String())
	}
}
