// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	bpf "github.com/ipcprobe/ipcprobe/bpf/heap"
	"github.com/ipcprobe/ipcprobe/results"
)

// Sites reads the sums of each place that asked for memory, by key.
func (p *Probes) Sites() (map[bpf.HeapSiteKey]bpf.HeapSite, error) {
	sites := make(map[bpf.HeapSiteKey]bpf.HeapSite)
	var key bpf.HeapSiteKey
	var site bpf.HeapSite
	each := p.objects.Sites.Iterate()
	for each.Next(&key, &site) {
		sites[key] = site
	}
	if err := each.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		return nil, fmt.Errorf("read the heap probes' sites: %w", err)
	}
	return sites, nil
}

// Namer names a user address; leaf says that it is no return address.
type Namer interface {
	Frame(address uint64, leaf bool) results.Frame
}

// Site makes the description of a place: its frames, the allocator's caller
// first.
func (p *Probes) Site(key bpf.HeapSiteKey, sums bpf.HeapSite, names Namer) results.HeapSite {
	s := site{HeapSite: results.HeapSite{
		Call:   nameOf(key.Function),
		Allocs: int64(sums.Allocs), Frees: int64(sums.Frees), AllocBytes: int64(sums.AllocBytes),
		LiveBytes:   int64(sums.AllocBytes) - int64(sums.FreedBytes),
		LiveObjects: int64(sums.Allocs) - int64(sums.Frees),
		Mapped:      key.Function == uint32(bpf.HeapFunctionFUNCTION_MMAP) || key.Function == uint32(bpf.HeapFunctionFUNCTION_MREMAP),
	}}
	path, complete := p.path(key)
	for _, address := range path {
		s.Frames = append(s.Frames, names.Frame(address, false))
	}
	s.Complete = complete || begins[s.Frames[len(s.Frames)-1].Function]
	s.nameAfter(p.Allocator)
	return s.HeapSite
}

// path is the stack behind a key, the allocator's caller first, and whether it
// reaches the thread's start. The caller is known also where nothing else is.
func (p *Probes) path(key bpf.HeapSiteKey) (addresses []uint64, complete bool) {
	var path bpf.HeapPath
	if key.Path == 0 || p.objects.Paths.Lookup(key.Path, &path) != nil || path.Frames == 0 {
		return []uint64{key.Caller}, false
	}
	n := min(int(path.Frames), len(path.Address))
	return path.Address[:n], path.End == uint32(bpf.HeapUnwindEndUNWIND_OUTERMOST) || path.End == uint32(bpf.HeapUnwindEndUNWIND_ZERO)
}
