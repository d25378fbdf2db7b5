// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ipcprobe/ipcprobe/results"

// heapSeen is a run with a heap phase in which one site leaks.
func heapSeen() *results.Result {
	r := healthy()
	r.Memory.Heap = &results.Heap{
		Allocator: []string{"libc.so.6"}, Method: "every call of the phase was followed",
		Requests: 30_000, DurationNs: 60_100_000_000, RateRPS: 500, BurstRPS: 6500,
		AllocsPerRequest: 17, FreesPerRequest: 16, BytesPerRequest: 5851.3,
		Allocs: 510_000, Frees: 479_680, AllocBytes: 175_540_000, FreedBytes: 171_424_000,
		LiveBytes: 4_116_000, LiveObjects: 30_320, LiveBlockBytes: ptr(int64(4_601_312)),
		OlderFrees: 320, MappedBytes: 1 << 20, GrownBytes: ptr(int64(4 << 20)),
		Cost:      &results.Cost{HitsPerRequest: 49, NsPerHit: 1100, CorePct: 2.7, Interval: &[2]float64{2.4, 3}, BudgetPct: 3},
		CutPct:    100,
		Sizes:     []results.HeapBucket{{Low: 16, High: 32, Count: 200_000}, {Low: 32, High: 64, Count: 310_000}},
		Lifetimes: []results.HeapBucket{{Low: 0, High: 1, Count: 300_000}, {Low: 1, High: 2, Count: 0}, {Low: 2, High: 4, Count: 179_680}},
		Sites: []results.HeapSite{
			{Call: "malloc", Function: "leak_here", Object: "server", Allocs: 30_000, AllocBytes: 3_840_000, LiveBytes: 3_840_000, LiveObjects: 30_000},
			{Call: "realloc", Function: "libjansson.so.4.14.0+0x3aac", Object: "libjansson.so.4.14.0", Allocs: 480_000, Frees: 479_680,
				AllocBytes: 171_700_000, LiveBytes: 276_000, LiveObjects: 320},
			{Call: "mmap", Function: "a_very_long_function_name_that_no_column_of_a_terminal_holds\x1b[31m", Object: "server", Allocs: 256,
				AllocBytes: 1 << 20, LiveBytes: 1 << 20, LiveObjects: 256, Mapped: true},
		},
	}
	return r
}
