// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"fmt"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// FewestNone is how many requests a verdict of none takes at least, and
	// FewestLeak one of a leak: garbage that is collected every 5,000 requests
	// must have been collected twice.
	FewestNone = 10_000
	FewestLeak = 15_000

	warmup = 0.2 // of the requests, before which nothing is fitted
)

// later are the parts of the requests that may be left out instead of the warm-up,
// where something else was still filling: only while nothing was ever given
// back, for behind the last collection any garbage looks like a leak.
var later = [...]float64{0.35, 0.5}

// givenBack is how much of the growth may have been given back all the same.
const givenBack = 0.25

// View says what the samples are of.
type View struct {
	Name  string  // "rss" or "heap", as result.json has it
	Grain float64 // bytes: the steps in which the figure moves; 0: it is exact
}

// The views.
var (
	RSS  = View{"rss", 4096}
	Heap = View{"heap", 0}
)

// least is the growth below which nothing is called a leak, bytes. An allocator
// touches its memory in pages and takes it from the kernel in larger pieces.
func (v View) least() float64 { return leastForRSS * v.Grain }

// Judge gives the verdict on samples in any order.
func Judge(samples []Sample, view View) results.Leak {
	all := clean(samples)
	leak := results.Leak{Verdict: results.LeakInconclusive, View: view.Name}
	if len(all) < 2 {
		leak.Reason = "nothing was answered between two looks at the memory"
		return leak
	}
	env := envelope(all)
	first, last := float64(all[0].Requests), float64(all[len(all)-1].Requests)
	span := last - first
	base, ok := fitRange(env, first+warmup*span, last-span/ahead, view.Grain)
	if !ok {
		leak.Reason = fmt.Sprintf("%d looks at the memory are too few; a longer run has more", len(all))
		return leak
	}
	chosen := base
	verdict, reason := base.verdict(view, int64(span))
	fallen := drawdown(all)
	for _, start := range later {
		// By the resident set, a fit of few pages is no evidence.
		if verdict == results.LeakFound || span < FewestLeak || view.Grain > 0 {
			break
		}
		f, ok := fitRange(env, first+start*span, last-span/ahead, view.Grain)
		if !ok || fallen > givenBack*f.slope*f.length() {
			continue
		}
		if v, r := f.verdict(view, int64(span)); v == results.LeakFound {
			verdict, reason, chosen = v, r, f
		}
	}
	leak.Verdict, leak.Reason = verdict, reason
	leak.Requests = int64(chosen.length())
	figures(&leak, &chosen, view)
	return leak
}

// length is how many requests the fit covers.
func (f *fit) length() float64 { return f.width * float64(len(f.paces)) }

// figures fills in slope, interval and resolution.
func figures(leak *results.Leak, f *fit, view View) {
	per, low := 1000*f.slope, 1000*f.low
	if leak.Verdict == results.LeakNone {
		// What has come to its end is no pace: what goes on is that of the end.
		per, low = 1000*min(f.slope, f.lastPace()), 0
	}
	leak.BytesPer1000 = &per
	leak.Interval = &[2]float64{min(per, low), max(per, 1000*f.high)}
	resolution := 1000 * max((f.high-f.low)/2, view.least()/f.length())
	leak.Resolution = &resolution
}

// verdict judges one fit of a run of so many requests.
func (f *fit) verdict(view View, requests int64) (verdict, reason string) {
	grown := f.slope * f.length()
	rising := f.low > 0 && grown > view.least()
	switch {
	case requests < FewestNone:
		return results.LeakInconclusive, fmt.Sprintf("%s requests are too few to tell a leak from a pool that grows; %s can",
			thousands(requests), thousands(FewestLeak))
	case f.stopped() || rising && f.tail < levelled:
		return results.LeakNone, "growth, if any, has come to its end"
	case !rising && f.high*f.length() <= view.least():
		return results.LeakNone, "what is kept does not grow with the requests"
	case !f.steady() || rising && !f.sure():
		return results.LeakInconclusive, "memory grew now and then, not steadily; a longer run would tell"
	case f.slows() || f.tail < goesOn:
		return results.LeakInconclusive, "memory still grows, but more and more slowly, as a pool does that fills; a longer run would tell"
	case !rising:
		return results.LeakInconclusive, "memory grows by less than this run can tell from noise"
	case requests < FewestLeak:
		return results.LeakInconclusive, fmt.Sprintf("memory grows, but %s requests are too few to tell a leak from garbage that is collected later; %s can",
			thousands(requests), thousands(FewestLeak))
	}
	return results.LeakFound, f.found(view)
}

// found words a leak.
func (f *fit) found(view View) string {
	reason := fmt.Sprintf("memory grew in %d of %d stretches of %s requests, as fast at the end as at the beginning, and was never given back",
		f.growing(f.paces), len(f.paces), thousands(int64(f.width)))
	if view.Grain > 0 {
		reason += "; garbage that is collected still more rarely would look the same to the resident set (--heap tells who holds it)"
	}
	return reason
}

// thousands writes a whole number with separators.
func thousands(n int64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
