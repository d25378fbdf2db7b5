// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"fmt"
	"math/rand/v2"

	"github.com/ipcprobe/ipcprobe/results"
)

// heap is a simulated process's memory: blocks by size class, eight to an octave,
// and the resident set of an allocator that keeps what was freed for the next
// block of that class.
type heap struct {
	live  int64
	sites [12]int64 // of it, by site
	site  int       // that asks now
	class map[int64]*pool
	kept  int64 // pages of all classes: never given back
	extra int64 // other resident memory
}

type pool struct{ used, most int64 }

func newHeap() *heap { return &heap{class: map[int64]*pool{}, extra: 8 << 20} }

func (h *heap) alloc(size int64) {
	h.live += size
	h.sites[h.site] += size
	round := rounded(size)
	p := h.class[round]
	if p == nil {
		p = &pool{}
		h.class[round] = p
	}
	if p.used++; p.used > p.most {
		before := (p.most*round + 4095) / 4096
		p.most = p.used
		h.kept += (p.most*round+4095)/4096 - before
	}
}

func (h *heap) free(size int64) {
	h.live -= size
	h.sites[h.site] -= size
	h.class[rounded(size)].used--
}

// rounded is a block's size with a header, up to the next class.
func rounded(size int64) int64 {
	size += 16
	step := int64(16)
	for step*16 < size {
		step *= 2
	}
	return (size + step - 1) / step * step
}

// The sites: a leak, ten healthy ones, and all others.
const (
	leakSite  = 0
	otherSite = 11
)

func (h *heap) resident() int64 { return h.extra + 4096*h.kept }

// process does something at each request.
type process struct {
	name    string
	request func(h *heap, n int, rng *rand.Rand)
}

// run loads a simulated process and looks at it, both ways, about every 250
// requests: in the midst of things, with a few requests under way.
func run(requests int, seed uint64, do ...func(h *heap, n int, rng *rand.Rand)) (live, rss []Sample) {
	seen := results.Heap{}
	return runSites(requests, seed, &seen, do...)
}

// runSites keeps what each site holds, too.
func runSites(requests int, seed uint64, seen *results.Heap, do ...func(h *heap, n int, rng *rand.Rand)) (live, rss []Sample) {
	rng := rand.New(rand.NewPCG(seed, 17))
	h := newHeap()
	for range 40 {
		h.alloc(1 + rng.Int64N(9000)) // what a server starts with
	}
	for i := range h.sites {
		seen.All = append(seen.All, results.HeapSite{ID: i, Call: "malloc", Function: fmt.Sprintf("site_%d", i), Object: "server"})
	}
	look := 0
	for n := range requests {
		for _, each := range do {
			h.site = otherSite
			each(h, n, rng)
		}
		h.site = otherSite
		if look--; look <= 0 {
			look = 150 + rng.IntN(200)
			var under []int64
			for range rng.IntN(6) {
				under = append(under, 1+rng.Int64N(4096))
				h.alloc(under[len(under)-1])
			}
			live = append(live, Sample{int64(n), h.live})
			rss = append(rss, Sample{int64(n), h.resident()})
			moment := results.HeapMoment{Requests: int64(n), LiveBytes: h.live}
			for site, bytes := range h.sites {
				moment.Sites = append(moment.Sites, results.HeapHeld{Site: site, Bytes: bytes, Objects: bytes / 16})
			}
			seen.Moments = append(seen.Moments, moment)
			for _, size := range under {
				h.free(size)
			}
		}
	}
	return live, rss
}

// ten healthy sites: blocks that live a few requests each.
func healthySites() func(h *heap, n int, rng *rand.Rand) {
	var queues [10][]int64
	return func(h *heap, n int, rng *rand.Rand) {
		for i := range queues {
			h.site = 1 + i
			size := int64(16<<i) + rng.Int64N(16)
			h.alloc(size)
			queues[i] = append(queues[i], size)
			if len(queues[i]) > 1+rng.IntN(4) {
				h.free(queues[i][0])
				queues[i] = queues[i][1:]
			}
		}
	}
}

// leakOf never frees a block of size, one in every so many requests.
func leakOf(size int64, every int) func(h *heap, n int, rng *rand.Rand) {
	return func(h *heap, n int, rng *rand.Rand) {
		if n%every == 0 {
			h.site = leakSite
			h.alloc(size)
		}
	}
}

// levelling are the processes that keep memory and don't leak it; each call
// makes a new one.
func levelling(seed uint64) []process {
	rng := rand.New(rand.NewPCG(seed, 3))
	between := func(low, high int) int { return low + rng.IntN(high-low+1) }
	return []process{
		{"a pool that grows to its size", poolThatGrows(between(50, 400))},
		{"a pool that fills in a straight line", poolOfSize(between(1000, 20_000))},
		{"a cache that fills to its bound", cache(between(500, 8000), between(8000, 20_000))},
		{"arenas kept after a burst", burst(between(500, 24_000), between(50, 800))},
		{"garbage collected every 5,000 requests", sawtooth(5000, between(0, 5000))},
		{"garbage collected now and then", sawtooth(between(800, 6000), between(0, 800))},
		{"a buffer that doubles", doubling(between(4000, 40_000))},
		{"fragmentation by mixed sizes", fragments(between(200, 1000))},
		{"connections that come and go", connections(between(5, 60))},
		{"all that at once", together(poolThatGrows(60), burst(9000, 100), sawtooth(3000, 100), connections(10))},
	}
}

// poolThatGrows keeps as many objects as were ever in use at once.
func poolThatGrows(mean int) func(h *heap, n int, rng *rand.Rand) {
	have := 0
	return func(h *heap, n int, rng *rand.Rand) {
		wanted := 0
		for range mean {
			if rng.IntN(4) == 0 {
				wanted++
			}
		}
		for ; have < wanted; have++ {
			h.alloc(2048)
		}
	}
}

func poolOfSize(size int) func(h *heap, n int, rng *rand.Rand) {
	return func(h *heap, n int, rng *rand.Rand) {
		if n < size {
			h.alloc(512)
		}
	}
}

// cache holds what was asked for, of so many keys, up to its bound.
func cache(bound, keys int) func(h *heap, n int, rng *rand.Rand) {
	known, ring := map[int]bool{}, []int{}
	return func(h *heap, n int, rng *rand.Rand) {
		key := rng.IntN(keys)
		if known[key] {
			return
		}
		known[key], ring = true, append(ring, key)
		h.alloc(300)
		if len(ring) > bound {
			delete(known, ring[0])
			ring = ring[1:]
			h.free(300)
		}
	}
}

// burst needs much at once; the allocator keeps the pages.
func burst(at, blocks int) func(h *heap, n int, rng *rand.Rand) {
	return func(h *heap, n int, rng *rand.Rand) {
		if n == at {
			for range blocks {
				h.alloc(16 << 10)
			}
		}
		if n == at+40 {
			for range blocks {
				h.free(16 << 10)
			}
		}
	}
}

func sawtooth(period, offset int) func(h *heap, n int, rng *rand.Rand) {
	held := 0
	return func(h *heap, n int, rng *rand.Rand) {
		h.alloc(700)
		held++
		if (n+offset)%period == 0 {
			for ; held > 0; held-- {
				h.free(700)
			}
		}
	}
}

// doubling is a log that is kept up to so many lines of 24 bytes.
func doubling(most int) func(h *heap, n int, rng *rand.Rand) {
	size := int64(1024)
	h0 := false
	return func(h *heap, n int, rng *rand.Rand) {
		if !h0 {
			h.alloc(size)
			h0 = true
		}
		if lines := int64(min(n, most)); lines*24 > size {
			h.alloc(2 * size)
			h.free(size)
			size *= 2
		}
	}
}

// fragments holds so many blocks of any size for a time of any length.
func fragments(n int) func(h *heap, n int, rng *rand.Rand) {
	held := make([]int64, n)
	return func(h *heap, _ int, rng *rand.Rand) {
		i := rng.IntN(len(held))
		if held[i] > 0 {
			h.free(held[i])
		}
		held[i] = 1 + int64(float64(20_000)*rng.Float64()*rng.Float64()*rng.Float64())
		h.alloc(held[i])
	}
}

// connections are opened and closed at random; each has a buffer.
func connections(mean int) func(h *heap, n int, rng *rand.Rand) {
	open := 0
	return func(h *heap, n int, rng *rand.Rand) {
		if rng.IntN(200) == 0 {
			open++
			h.alloc(16 << 10)
		}
		for range open {
			if rng.IntN(200*mean) == 0 {
				open--
				h.free(16 << 10)
			}
		}
	}
}

func together(all ...func(h *heap, n int, rng *rand.Rand)) func(h *heap, n int, rng *rand.Rand) {
	return func(h *heap, n int, rng *rand.Rand) {
		for _, each := range all {
			each(h, n, rng)
		}
	}
}
