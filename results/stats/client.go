// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// Client is the client's view of all slices of one mode.
type Client struct {
	Counts       results.Counts
	Seconds      float64 // length of the slices
	BytesOut     int64
	BytesIn      int64
	GeneratorNs  int64 // CPU time of the load generator
	ResponseTime *hdrhistogram.Histogram
	RoundTrip    *hdrhistogram.Histogram
	SendLag      *hdrhistogram.Histogram
	ClosedLoop   *hdrhistogram.Histogram // empty for a closed loop
}

// Merge adds up the slices of one mode.
func Merge(slices []results.Slice, mode results.Mode) *Client {
	c := &Client{
		ResponseTime: results.NewHistogram(),
		RoundTrip:    results.NewHistogram(),
		SendLag:      results.NewHistogram(),
		ClosedLoop:   results.NewHistogram(),
	}
	for i := range slices {
		s := &slices[i]
		if s.Mode != mode {
			continue
		}
		c.Counts.Add(s.Counts())
		c.Seconds += s.Seconds()
		c.GeneratorNs += s.GeneratorNs
		for j := range s.Intervals {
			v := &s.Intervals[j]
			c.BytesOut += v.BytesOut
			c.BytesIn += v.BytesIn
			v.ResponseTime.AddTo(c.ResponseTime)
			v.RoundTrip.AddTo(c.RoundTrip)
			v.SendLag.AddTo(c.SendLag)
			v.ClosedLoop.AddTo(c.ClosedLoop)
		}
	}
	return c
}

// RPS is the achieved rate: good answers per second; 0 for no slices.
func (c *Client) RPS() float64 { return perSecond(c.Counts.OK, c.Seconds) }

// GeneratorPct is the load generator's CPU time in percent of one core.
func (c *Client) GeneratorPct() float64 {
	return 100 * perSecond(c.GeneratorNs, c.Seconds) / 1e9
}

// Latency describes what the client felt. Intervals are Bootstrap's to fill.
func (c *Client) Latency() *results.Latency {
	return &results.Latency{
		ResponseTime: Distribution(c.ResponseTime),
		RoundTrip:    Distribution(c.RoundTrip),
		SendLag:      Distribution(c.SendLag),
		ClosedLoop:   Distribution(c.ClosedLoop),
		Histogram:    Bars(c.ResponseTime),
	}
}

// RunSlices gives the bare and probed slices in the short form of result.json.
func RunSlices(slices []results.Slice) []results.RunSlice {
	var out []results.RunSlice
	for i := range slices {
		s := &slices[i]
		if s.Mode != results.Bare && s.Mode != results.Probed {
			continue
		}
		c := Merge(slices[i:i+1], s.Mode)
		r := results.RunSlice{
			Mode:          s.Mode.String(),
			StartNs:       s.Start - slices[0].Start,
			DurationNs:    s.End - s.Start,
			Requests:      c.Counts.OK,
			ThroughputRPS: c.RPS(),
			CPUNs:         s.TargetCPU[1].Total - s.TargetCPU[0].Total,
		}
		if s.Mode == results.Probed {
			r.Carried = s.Carried.String()
		}
		if d := Distribution(c.ResponseTime); d != nil {
			r.P50, r.P99 = d.P50, d.P99
		}
		out = append(out, r)
	}
	return out
}

func perSecond(n int64, seconds float64) float64 {
	if seconds <= 0 {
		return 0
	}
	return float64(n) / seconds
}
