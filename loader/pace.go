// SPDX-License-Identifier: Apache-2.0

package loader

import "time"

// How often what the probes have filled is looked at: at most, at least, and so that
// so many looks come before a memory would be full at the pace so far. On a machine
// that is busy with the target and its load each of our wakings costs them far more
// than the look takes, for it leaves both on one CPU: a hundred a second took a
// saturated gateway 5 % of its throughput on two CPUs.
const (
	pauseLeast = 10 * time.Millisecond
	pauseMost  = 100 * time.Millisecond
	looksAhead = 4
)

// Drain makes room for samples where the ring is half full, looks for code that the
// target has loaded meanwhile, and sees that a first slice takes no more stacks than
// it should. Call it when Count is on, and again after the pause that it returns; it
// costs a look at shared memory when there is nothing to do.
func (p *Probes) Drain() (pause time.Duration, err error) {
	length := time.Duration(monotonic() - p.counted.begin)
	if length < pauseLeast { // nothing is known yet of how fast anything fills
		return pauseLeast, nil
	}
	if err := p.refreshOnMisses(); err != nil {
		return 0, err
	}
	full := p.TapeUsedPct() / 100
	if p.sampler != nil {
		if err := p.thinOut(length); err != nil {
			return 0, err
		}
		ring := p.sampler.reader
		samples := float64(ring.AvailableBytes()) / float64(ring.BufferSize())
		if full = max(full, samples); samples >= 0.5 {
			if err := p.sampler.samples.drain(); err != nil {
				return 0, err
			}
		}
	}
	pause = pauseMost
	if full > 0 {
		pause = min(pause, time.Duration(float64(length)*(1-full)/full/looksAhead))
	}
	if p.tables != nil && p.misses() != p.tables.missed {
		pause = min(pause, p.tables.patience)
	}
	return max(pause, pauseLeast), nil
}
