// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"encoding/binary"
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
	s := results.HeapSite{
		Call:   nameOf(key.Function),
		Allocs: int64(sums.Allocs), Frees: int64(sums.Frees), AllocBytes: int64(sums.AllocBytes),
		LiveBytes:   int64(sums.AllocBytes) - int64(sums.FreedBytes),
		LiveObjects: int64(sums.Allocs) - int64(sums.Frees),
		Mapped:      key.Function == uint32(bpf.HeapFunctionFUNCTION_MMAP) || key.Function == uint32(bpf.HeapFunctionFUNCTION_MREMAP),
	}
	s.Frames = append(s.Frames, names.Frame(key.Caller, false))
	for i, address := range p.stack(key.Stack) {
		// The walker begins at the allocator's function, and may leave the caller
		// out: that one is known for certain.
		if i == 0 || i == 1 && address == key.Caller {
			continue
		}
		f := names.Frame(address, false)
		if f.Object == "[unknown]" || f.Object == "" {
			break // without frame pointers what follows is chance
		}
		s.Frames = append(s.Frames, f)
	}
	s.Complete = begins[s.Frames[len(s.Frames)-1].Function]
	s.Function, s.Object = s.Frames[0].Function, s.Frames[0].Object
	return s
}

// begins are the functions in which threads begin.
var begins = map[string]bool{
	"_start": true, "_start_c": true, "__libc_start_main": true, "__libc_start_main@@GLIBC_2.34": true, "__libc_start_call_main": true,
	"start_thread": true, "clone": true, "__clone": true, "clone3": true, "__clone3": true,
}

func (p *Probes) stack(id int32) []uint64 {
	if id < 0 {
		return nil
	}
	raw, err := p.objects.Stacks.LookupBytes(uint32(id))
	if err != nil || raw == nil {
		return nil
	}
	var addresses []uint64
	for ; len(raw) >= 8; raw = raw[8:] {
		address := binary.NativeEndian.Uint64(raw)
		if address == 0 {
			break
		}
		addresses = append(addresses, address)
	}
	return addresses
}
