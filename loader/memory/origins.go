// SPDX-License-Identifier: Apache-2.0

//go:build linux

package memory

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	bpf "github.com/ipcprobe/ipcprobe/bpf/memory"
	"github.com/ipcprobe/ipcprobe/results"
)

// frameExact is FRAME_EXACT of bpf/src/record.h: the code stopped at the address,
// which is not a return address.
const frameExact = 1 << 63

// kinds are in the order of enum origin_kind.
var kinds = [...]string{"fault", "brk", "mmap", "munmap", "mremap"}

// Namer names a user address, inlined functions innermost first; exact says that it
// is no return address.
type Namer interface {
	Frames(address uint64, exact bool) []results.Frame
}

// Origins are what was seen since Open, most first: page faults, and what made the
// address space grow or shrink. lost is how many events found no room.
func (p *Probes) Origins(names Namer) (faults, growth []results.MemoryOrigin, lost uint64, err error) {
	if err := p.collection.Maps["origins_lost"].Lookup(uint32(0), &lost); err != nil {
		return nil, nil, 0, fmt.Errorf("read the memory probes' account: %w", err)
	}
	merged := map[string]*results.MemoryOrigin{}
	var key bpf.MemoryOriginKey
	var origin bpf.MemoryOrigin
	each := p.collection.Maps["origins"].Iterate()
	for each.Next(&key, &origin) {
		if int(key.Kind) >= len(kinds) {
			continue
		}
		o := results.MemoryOrigin{Kind: kinds[key.Kind], Frames: p.frames(key.Path, names)}
		id := o.Kind + "\x00" + strings.Join(o.Frames, "\x00")
		if merged[id] == nil {
			merged[id] = &o
		}
		merged[id].Count += int64(origin.Count)
		merged[id].Bytes += origin.Bytes
	}
	if err := each.Err(); err != nil {
		return nil, nil, 0, fmt.Errorf("read where memory came from: %w", err)
	}
	for _, o := range merged {
		if o.Kind == "fault" {
			faults = append(faults, *o)
		} else {
			growth = append(growth, *o)
		}
	}
	slices.SortFunc(faults, func(a, b results.MemoryOrigin) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Frames, b.Frames))
	})
	slices.SortFunc(growth, func(a, b results.MemoryOrigin) int {
		return cmp.Or(cmp.Compare(abs(b.Bytes), abs(a.Bytes)), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Frames, b.Frames))
	})
	return faults, growth, lost, nil
}

func (p *Probes) frames(hash uint64, names Namer) []string {
	var path bpf.MemoryPath
	if hash == 0 || p.collection.Maps["paths"].Lookup(hash, &path) != nil {
		return nil
	}
	var out []string
	for _, address := range path.Address[:min(int(path.Frames), len(path.Address))] {
		for _, f := range names.Frames(address&^frameExact, address&frameExact != 0) {
			out = append(out, f.Function)
		}
	}
	return out
}

func abs(n int64) int64 { return max(n, -n) }
