// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// runs is how many runs of each simulated process are judged.
const runs = 20

func TestWhatLevelsIsNoLeak(t *testing.T) {
	settled := map[string]int{}
	for seed := range uint64(runs) {
		for _, p := range levelling(seed) {
			var heap results.Heap
			live, rss := runSites(30_000, seed, &heap, p.request, healthySites())
			if got := FromHeap(&heap); got.Verdict == results.LeakFound {
				t.Errorf("run %d, %s, by sites: %+v: %s", seed, p.name, got.Stacks, got.Reason)
			}
			for _, view := range []struct {
				samples []Sample
				View
			}{{live, Heap}, {rss, RSS}} {
				got := Judge(view.samples, view.View)
				if got.Verdict == results.LeakFound {
					t.Errorf("run %d, %s, %s: %+v: %s", seed, p.name, view.Name, *got.BytesPer1000, got.Reason)
				}
				if got.Verdict == results.LeakNone {
					settled[p.name+", "+view.Name]++
				}
			}
		}
	}
	for _, p := range levelling(0) {
		for _, view := range []string{"heap", "rss"} {
			t.Logf("%s, %s: none in %d of %d", p.name, view, settled[p.name+", "+view], runs)
		}
	}
}

func TestALeakIsFound(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int64
		every  int
		rss    bool // the resident set sees it, too
		others bool // beside what levels
	}{
		{"16 bytes a request", 16, 1, true, false},
		{"128 bytes a request", 128, 1, true, false},
		{"4,096 bytes a request", 4096, 1, true, false},
		{"a block in 100 requests", 128, 100, false, false},
		{"16 bytes in 100 requests", 16, 100, false, false},
		{"128 bytes beside what levels", 128, 1, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(runs) {
				do := []func(h *heap, n int, rng *rand.Rand){leakOf(c.size, c.every), healthySites()}
				if c.others {
					do = append(do, poolThatGrows(60), burst(3000, 50), doubling(4000))
				}
				var heap results.Heap
				_, rss := runSites(30_000, seed, &heap, do...)
				truth := 1000 * float64(c.size) / float64(c.every)
				got := FromHeap(&heap)
				if len(got.Stacks) == 0 || got.Stacks[0].Function != "site_0" {
					t.Errorf("run %d: stacks %+v", seed, got.Stacks)
				}
				if got.Verdict != results.LeakFound || math.Abs(*got.BytesPer1000-truth) > 0.05*truth {
					t.Errorf("run %d: %s, %v bytes per 1,000, want %v: %s", seed, got.Verdict, *got.BytesPer1000, truth, got.Reason)
				}
				if got.Interval[0] > truth || got.Interval[1] < truth {
					if math.Abs(*got.BytesPer1000-truth) > 0.005*truth {
						t.Errorf("run %d: %v is not within %v", seed, truth, *got.Interval)
					}
				}
				if !c.rss {
					continue
				}
				// The allocator's header and rounding are in the resident set.
				least, most := truth, 1000*float64(rounded(c.size))
				if got := Judge(rss, RSS); got.Verdict != results.LeakFound || *got.BytesPer1000 < 0.8*least || *got.BytesPer1000 > 1.2*most {
					t.Errorf("run %d by RSS: %s, %v bytes per 1,000, want %v to %v: %s", seed, got.Verdict, *got.BytesPer1000, least, most, got.Reason)
				}
			}
		})
	}
}

func TestTooLittleIsInconclusive(t *testing.T) {
	for name, requests := range map[string]int{"nothing": 0, "one look": 1, "few requests": 4000, "too few for a leak": 12_000} {
		live, rss := run(requests, 1, leakOf(128, 1), healthySites())
		for _, view := range []struct {
			samples []Sample
			View
		}{{live, Heap}, {rss, RSS}} {
			if got := Judge(view.samples, view.View); got.Verdict != results.LeakInconclusive || got.Reason == "" {
				t.Errorf("%s, %s: %+v", name, view.Name, got)
			}
		}
	}
	if got := Judge([]Sample{{0, 5}, {15_000, 9}, {30_000, 12}}, Heap); got.Verdict != results.LeakInconclusive {
		t.Errorf("three looks: %+v", got)
	}
}

// A random walk has no drift, whatever it looks like.
func TestARandomWalkIsRarelyALeak(t *testing.T) {
	alarms := 0
	const walks = 400
	for seed := range uint64(walks) {
		rng := rand.New(rand.NewPCG(seed, 5))
		held := int64(1 << 30)
		var samples []Sample
		for n := int64(0); n < 30_000; n += 250 {
			held += 1000 * (rng.Int64N(2001) - 1000)
			samples = append(samples, Sample{n, held})
		}
		if Judge(samples, Heap).Verdict == results.LeakFound {
			alarms++
		}
	}
	t.Logf("%d of %d", alarms, walks)
	if alarms > walks/50 {
		t.Errorf("%d of %d random walks are called leaks", alarms, walks)
	}
}

func TestTheOrderOfLooksDoesNotMatter(t *testing.T) {
	live, _ := run(30_000, 3, leakOf(128, 1), healthySites())
	want := Judge(live, Heap)
	rand.Shuffle(len(live), func(i, j int) { live[i], live[j] = live[j], live[i] })
	if got := Judge(live, Heap); got.Verdict != want.Verdict || *got.BytesPer1000 != *want.BytesPer1000 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzJudge(f *testing.F) {
	f.Add([]byte("a leak of a few bytes"), int64(250))
	f.Add([]byte{0, 255, 0, 255, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}, int64(5000))
	f.Add([]byte{}, int64(-1))
	f.Fuzz(func(t *testing.T, steps []byte, every int64) {
		every %= 1 << 40
		var samples []Sample
		for i, s := range steps {
			samples = append(samples, Sample{int64(i) * every, int64(s) << (i % 50)})
		}
		for _, view := range []View{Heap, RSS} {
			got := Judge(samples, view)
			if got.Verdict == "" || got.Reason == "" {
				t.Fatalf("%+v", got)
			}
			if p := got.BytesPer1000; p != nil && (math.IsNaN(*p) || math.IsInf(*p, 0) || got.Interval[0] > *p || got.Interval[1] < *p) {
				t.Fatalf("%+v: %v in %v", got, *p, *got.Interval)
			}
			if got.Verdict != results.LeakInconclusive && got.BytesPer1000 == nil {
				t.Fatalf("%+v", got)
			}
		}
	})
}

// A busy machine leaves few looks between bursts; then those under load count, too.
func TestFewIdleLooksAreNotAll(t *testing.T) {
	h := results.Heap{All: []results.HeapSite{{Function: "leaks"}}}
	for i := range int64(30) {
		held := 16 * 1000 * i
		h.Moments = append(h.Moments, results.HeapMoment{
			Requests: 1000 * i, LiveBytes: held, Idle: i%2 == 0 || i == 7,
			Sites: []results.HeapHeld{{Site: 0, Bytes: held}},
		})
	}
	if got := FromHeap(&h); got.Verdict != results.LeakFound || len(got.Stacks) != 1 {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
}
