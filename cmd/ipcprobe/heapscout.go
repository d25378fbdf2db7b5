// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/loader/heap"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

const (
	// The scout finds out what a request costs in the heap phase. Its first slices
	// are at a rate that any server bears; those that count are faster, for the
	// phase's bursts are, and a probe costs a target less that is awake.
	scoutFirst  = 200.0
	scoutRate   = 2000.0
	scoutSlice  = 100 * time.Millisecond
	scoutLong   = time.Second // most that a slice may take to hold scoutLeast requests
	scoutLeast  = 20
	firstSlices = 4
	scoutSlices = 5 // without probes before and behind
	scoutProbed = 8
	// scoutShare is the part of a core, probes included, and of the throughput seen
	// before, that the scout loads the target with at most.
	scoutShare = 0.3
	// lookAhead is how long before the next burst a look at the heap begins.
	lookAhead = 25 * time.Millisecond
	// silence is a rate, requests a second, at which no request is due in a rest.
	silence = "1e-6"
	// mostParts bounds the text of a rate.
	mostParts = 12_000
)

// scout measures how often a request stops in a probe, and what a stop costs.
func (h *heapPhase) scout(ctx context.Context) (err error) {
	probes, err := h.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, probes.Close()) }()
	h.m.warnings = append(h.m.warnings, probes.Allocator.Notes...)
	limit := max(1, scoutShare*h.throughput())
	if asked := h.asked(); asked > 0 {
		limit = min(limit, asked)
	}
	if err := h.scoutAt(ctx, probes, min(scoutFirst, limit), 0, firstSlices); err != nil {
		return err
	}
	if busy := stats.BusyPerRequest(h.slices, results.Probed); busy > 0 {
		limit = min(limit, scoutShare*1e9/busy)
	}
	h.slices = nil
	return h.scoutAt(ctx, probes, max(1, min(scoutRate, limit)), scoutSlices, scoutProbed)
}

// scoutAt loads the target at a rate, in slices without probes, with, and without
// again.
func (h *heapPhase) scoutAt(ctx context.Context, probes *heap.Probes, rate float64, bare, probed int) (err error) {
	_, d, err := h.startLoad(ctx, fmt.Sprintf("%g", rate), 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.leave(ctx, d)) }()
	length := min(max(scoutSlice, time.Duration(scoutLeast/rate*1e9)), scoutLong)
	if err := h.scoutSlices(ctx, d, results.Bare, bare, length); err != nil {
		return err
	}
	before, err := probes.Sums()
	if err != nil {
		return err
	}
	if err := probes.Attach(); err != nil {
		return err
	}
	if err := probes.Count(true, 0); err != nil {
		return err
	}
	if err := h.scoutSlices(ctx, d, results.Probed, probed, length); err != nil {
		return err
	}
	after, err := probes.Sums()
	if err != nil {
		return err
	}
	if err := errors.Join(probes.Count(false, 0), probes.Detach()); err != nil {
		return err
	}
	if err := h.scoutSlices(ctx, d, results.Bare, bare, length); err != nil {
		return err
	}
	return h.learn(float64(after.Hits-before.Hits), float64(after.AnsweredBytes-before.AnsweredBytes), after.Clock)
}

// scoutSlices takes n slices in a mode.
func (h *heapPhase) scoutSlices(ctx context.Context, d *driver, mode results.Mode, n int, length time.Duration) error {
	for range n {
		if _, _, err := d.turn(mode); err != nil {
			return err
		}
		waitErr := d.wait(ctx, length)
		slice, _, err := d.turn(results.Gap)
		if err := errors.Join(waitErr, err); err != nil {
			return err
		}
		h.slices = append(h.slices, slice)
	}
	return nil
}

// learn draws the conclusions of the scout's slices. The probes were on for longer
// than these: how many requests they saw, the bytes that the target sent tell.
func (h *heapPhase) learn(hits, answered float64, clock bool) error {
	var n, probed, bytes int64
	for i := range h.slices {
		for _, v := range h.slices[i].Intervals {
			n += v.Counts.OK + v.Counts.Error
			bytes += v.BytesIn
			if h.slices[i].Mode == results.Probed {
				probed += v.Counts.OK + v.Counts.Error
			}
		}
	}
	if probed == 0 || bytes == 0 {
		return errors.New("no request was answered while the heap probes were tried")
	}
	h.answerBytes = float64(bytes) / float64(n)
	seen := answered / h.answerBytes
	if !clock || seen == 0 { // the gaps between the slices are short
		seen = float64(probed)
	}
	h.hits = hits / seen
	return nil
}

// bareOf are the slices without probes.
func bareOf(all []results.Slice) (bare []results.Slice) {
	for _, s := range all {
		if s.Mode == results.Bare {
			bare = append(bare, s)
		}
	}
	return bare
}

// burstsOf writes a pace as the steps of a rate. They last a while longer than the
// requests should take; behind them the mean rate goes on.
func burstsOf(p stats.HeapPace) string {
	burst := strconv.FormatFloat(p.Burst, 'g', 6, 64)
	period := strings.Repeat(burst+",", p.High) + strings.Repeat(silence+",", p.Parts-p.High)
	periods := min(int(p.Length()/p.Period)*5/4+10, mostParts/p.Parts)
	part := p.Period / time.Duration(p.Parts)
	return strings.Repeat(period, periods) + strconv.FormatFloat(p.Mean(), 'g', 6, 64) + "@" + part.String()
}
