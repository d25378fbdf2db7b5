// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap_test

import (
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
)

// A leak is at the top of what is held, by name, whatever way it was allocated.
func TestALeakingSiteHoldsMost(t *testing.T) {
	for _, k := range kinds {
		for _, via := range k.ways {
			t.Run(k.name+"/"+via, func(t *testing.T) {
				t.Parallel() // counts, not times
				const n, size = 4000, 512
				leak, want := size, int64(n*size)
				if via == "mmap" {
					leak, want = 4096, n*4096
				}
				server, socket := k.start(t, "--healthy", "--leak", strconv.Itoa(leak), "--via", via)
				w := watch(t, server.Pid, "")
				ask(t, socket, n)
				h := w.result(t)
				top := results.HeapSite{}
				for _, s := range h.All {
					if s.LiveBytes > top.LiveBytes {
						top = s
					}
				}
				if top.Function != "leak_here" || top.LiveBytes != want || top.LiveObjects != n {
					t.Errorf("%s (%s) holds %d bytes in %d, want leak_here with %d in %d", top.Function, top.Call, top.LiveBytes, top.LiveObjects, want, n)
				}
				if !top.Complete {
					t.Errorf("the stack ends early: %v", top.Frames)
				}
				if top.Mapped != (via == "mmap") {
					t.Errorf("mapped %v", top.Mapped)
				}
				server.Stop()
			})
		}
	}
}

// glibc's own count of blocks in use must grow by what we say is held.
func TestLiveBlocksAreThoseOfMallinfo(t *testing.T) {
	for name, args := range map[string][]string{
		"a leak":         {"--healthy", "--leak", "777"},
		"churn":          {"--churn"},
		"large blocks":   {"--leak", "200000", "--every", "50"},
		"leaked realloc": {"--leak", "3000", "--via", "realloc"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // counts, not times
			// Blocks that a thread keeps for itself count as in use there.
			k := kind{program: "leaky", settings: []string{"GLIBC_TUNABLES=glibc.malloc.tcache_count=0"}}
			server, socket := k.start(t, args...)
			w := watch(t, server.Pid, "")
			before := inUse(t, server)
			ask(t, socket, 4000)
			after := inUse(t, server)
			h := w.result(t)
			if h.LiveBlockBytes == nil {
				t.Fatal("no count of blocks with what glibc adds")
			}
			got, want := float64(*h.LiveBlockBytes), float64(after-before)
			t.Logf("live %d bytes in %d blocks, %.0f with headers; mallinfo2 grew by %.0f", h.LiveBytes, h.LiveObjects, got, want)
			if got < 0.99*want || got > 1.01*want {
				t.Errorf("%.0f bytes of blocks are held, mallinfo2 grew by %.0f", got, want)
			}
			server.Stop()
		})
	}
}

// jemalloc and tcmalloc say what they have handed out, in blocks of their own sizes:
// 512 bytes is one of either. glibc inside the program is held against mallinfo2, with
// its headers; musl has no count, so there the server's own requests tell.
func TestLiveBytesAreThoseOfTheAllocatorsOwnCount(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel() // counts, not times
			const n, size = 6000, 512
			k.settings = []string{"GLIBC_TUNABLES=glibc.malloc.tcache_count=0", "MALLOC_CONF=tcache:false"}
			server, socket := k.start(t, "--churn", "--leak", strconv.Itoa(size))
			ask(t, socket, 3000) // churn has all its blocks by now
			w := watch(t, server.Pid, "")
			before := inUse(t, server)
			ask(t, socket, n)
			after := inUse(t, server)
			h := w.result(t)
			var leaked int64
			for _, s := range h.All {
				if s.Function == "leak_here" {
					leaked += s.LiveBytes
				}
			}
			if leaked != n*size {
				t.Errorf("leak_here holds %d bytes, and was told to hold %d", leaked, n*size)
			}
			if after == 0 {
				return
			}
			got := float64(leaked)
			want := float64(after - before)
			if h.LiveBlockBytes != nil {
				got *= 528.0 / 512 // glibc's header
			}
			t.Logf("held %.0f more, the allocator counts %.0f", got, want)
			// What churn holds before and after is not the same to the block.
			if got < 0.99*want || got > 1.01*want {
				t.Errorf("%.0f bytes more are held, the allocator counts %.0f", got, want)
			}
			server.Stop()
		})
	}
}

var inUseLine = regexp.MustCompile(`in-use=(\d+)`)

// inUse asks the server for mallinfo2's count.
func inUse(t *testing.T, server *peer.Process) int64 {
	t.Helper()
	had := len(inUseLine.FindAllString(server.Output(), -1))
	if err := syscall.Kill(server.Pid, syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if all := inUseLine.FindAllStringSubmatch(server.Output(), -1); len(all) > had {
			n, err := strconv.ParseInt(all[len(all)-1][1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("the server does not answer SIGUSR1:\n%s", server.Output())
	return 0
}
