// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"cmp"
	"fmt"
	"slices"

	bpf "github.com/ipcprobe/ipcprobe/bpf/heap"
	"github.com/ipcprobe/ipcprobe/results"
)

// Curve collects the heap's state from moment to moment.
type Curve struct {
	probes  *Probes
	index   map[bpf.HeapSiteKey]int
	keys    []bpf.HeapSiteKey
	moments []results.HeapMoment
	last    map[bpf.HeapSiteKey]bpf.HeapSite
}

// Curve begins a collection.
func (p *Probes) Curve() *Curve {
	return &Curve{probes: p, index: make(map[bpf.HeapSiteKey]int)}
}

// Look takes one moment: m says when it is, in ns, and whether the target rests; what
// is held is filled in. The caller adds the requests until then, by what was answered
// in the middle of the look, to the moment that it gets, before the next look.
func (c *Curve) Look(m results.HeapMoment) (*results.HeapMoment, *Sums, error) {
	sums, err := c.probes.Sums()
	if err != nil {
		return nil, nil, err
	}
	sites, err := c.probes.Sites()
	if err != nil {
		return nil, nil, err
	}
	var answered uint64
	if err := c.probes.objects.AnsweredBytes.Get(&answered); err != nil {
		return nil, nil, fmt.Errorf("read the requests so far: %w", err)
	}
	m.Idle = m.Idle && answered == sums.AnsweredBytes
	sums.AnsweredBytes += (answered - sums.AnsweredBytes) / 2
	c.last = sites
	m.LiveBytes, m.LiveObjects = sums.LiveBytes(), sums.LiveObjects()
	m.MappedBytes = int64(sums.MappedBytes) - int64(sums.UnmappedBytes)
	for key, site := range sites {
		i, known := c.index[key]
		if !known {
			i = len(c.keys)
			c.index[key] = i
			c.keys = append(c.keys, key)
		}
		held := results.HeapHeld{Site: i, Bytes: int64(site.AllocBytes - site.FreedBytes), Objects: int64(site.Allocs - site.Frees)}
		if held.Bytes != 0 || held.Objects != 0 {
			m.Sites = append(m.Sites, held)
		}
	}
	slices.SortFunc(m.Sites, func(a, b results.HeapHeld) int { return cmp.Compare(a.Site, b.Site) })
	c.moments = append(c.moments, m)
	return &c.moments[len(c.moments)-1], sums, nil
}

// Result makes the account of the phase: s is what it counted, names names
// addresses. Figures a request are left to who knows the requests.
func (c *Curve) Result(s *Sums, names Namer) *results.Heap {
	h := &results.Heap{
		Allocator: c.probes.Allocator.Objects,
		Allocs:    int64(s.Allocs), Frees: int64(s.Frees),
		AllocBytes: int64(s.AllocBytes), FreedBytes: int64(s.FreedBytes),
		LiveBytes: s.LiveBytes(), LiveObjects: s.LiveObjects(),
		OlderFrees: int64(s.OlderFrees), Failed: int64(s.Failed), Lost: int64(s.Account.Lost),
		MappedBytes: int64(s.MappedBytes) - int64(s.UnmappedBytes), GrownBytes: &s.GrownBytes,
		Forks: int64(s.Forks), Partial: s.Ending,
		Sizes:   Buckets(s.Sizes[:]),
		Moments: c.moments,
	}
	if c.probes.Allocator.Glibc {
		blocks := int64(s.AllocBlockBytes - s.FreedBlockBytes)
		h.LiveBlockBytes = &blocks
	}
	if s.Clock && s.AnsweredBytes > 0 {
		h.Lifetimes = Buckets(s.Lifetimes[:])
	}
	for i, key := range c.keys {
		site := c.probes.Site(key, c.last[key], names)
		site.ID = i
		h.All = append(h.All, site)
	}
	return h
}
