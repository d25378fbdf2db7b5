// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/loader"
	"github.com/ipcprobe/ipcprobe/loader/heap"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// kind is one allocator, and how a server comes to use it.
type kind struct {
	name     string
	program  string   // the peer
	preload  string   // a library that takes malloc's place
	object   string   // that is found
	allocs   int64    // of --healthy, a request: musl's asprintf allocates once
	ways     []string // in which a leak is tried
	settings []string // of the environment
}

var (
	everyWay = []string{"malloc", "calloc", "realloc", "strdup", "mmap"}
	someWays = []string{"malloc", "realloc", "strdup"}
)

var kinds = []kind{
	{name: "glibc", program: "leaky", object: "libc.so.6", allocs: 16, ways: everyWay},
	{name: "glibc, static", program: "leaky-static", object: "leaky-static", allocs: 16, ways: someWays},
	{name: "musl, static", program: "leaky-musl", object: "leaky-musl", allocs: 15, ways: everyWay},
	{name: "jemalloc", program: "leaky", preload: "libjemalloc.so.2", object: "libjemalloc.so.2", allocs: 16, ways: someWays},
	{name: "tcmalloc", program: "leaky", preload: "libtcmalloc_minimal.so.4", object: "libtcmalloc_minimal.so.4", allocs: 16, ways: someWays},
}

// start runs the peer and gives its process and socket.
func (k kind) start(t *testing.T, args ...string) (*peer.Process, string) {
	t.Helper()
	kerneltest.Privileged(t)
	socket := filepath.Join(t.TempDir(), "s")
	command := slices.Clone(k.settings)
	if k.preload != "" {
		found, _ := filepath.Glob("/usr/lib*/*/" + k.preload)
		if more, _ := filepath.Glob("/usr/lib*/" + k.preload); len(found) == 0 {
			found = more
		}
		if len(found) == 0 {
			kerneltest.Skip(t, "needs "+k.preload)
			return nil, ""
		}
		command = append(command, "LD_PRELOAD="+found[0])
	}
	if k.program == "leaky-musl" {
		kerneltest.Tool(t, "musl-gcc")
	}
	command = append(command, peer.Build(t, k.program), "--socket", socket)
	return peer.Start(t, "ready", "/usr/bin/env", append(command, args...)...), socket
}

// watched is a target with the probes on and counting.
type watched struct {
	probes *heap.Probes
	curve  *heap.Curve
	names  *symbol.Process
}

func watch(t *testing.T, pid int, allocator string) *watched {
	t.Helper()
	tables, err := loader.OpenUnwinding(pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tables.Close() })
	probes, err := heap.Open(heap.Options{Target: pid, Allocator: allocator, Unwind: tables.Maps()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := probes.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	if err := probes.Count(true, 70); err != nil {
		t.Fatal(err)
	}
	names := symbol.OpenProcess(pid)
	if err := names.Refresh(); err != nil {
		t.Fatal(err)
	}
	return &watched{probes, probes.Curve(), names}
}

// result reads what was counted.
func (w *watched) result(t *testing.T) *results.Heap {
	t.Helper()
	sums, err := w.curve.Look(0, 70, true)
	if err != nil {
		t.Fatal(err)
	}
	if a := sums.Account; a.Seen != a.Emitted+a.Filtered+a.Lost {
		t.Errorf("the account does not add up: %+v", a)
	}
	return w.curve.Result(sums, w.names)
}

// ask sends n requests, one after the other, and waits for their answers.
func ask(t *testing.T, socket string, n int) {
	t.Helper()
	client := peer.Launch(t, peer.Build(t, "plainclient"), "--socket", socket, "--requests", strconv.Itoa(n))
	if code := client.Wait(2 * time.Minute); code != 0 {
		t.Fatalf("the client ended with %d: %s", code, client.Output())
	}
}

// Each allocator's calls by a server that says how many it makes.
func TestEveryAllocatorsCallsAreCounted(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			server, socket := k.start(t, "--healthy")
			w := watch(t, server.Pid, "")
			if got := w.probes.Allocator.Objects[0]; !strings.HasPrefix(got, k.object) {
				t.Errorf("found %q, want %s first", w.probes.Allocator.Objects, k.object)
			}
			const n = 3000
			ask(t, socket, n)
			h := w.result(t)
			const rings, ring = 5, 64 // blocks of five sites are held for 64 requests
			if h.Allocs != n*k.allocs || h.LiveObjects != rings*ring || h.Frees != h.Allocs-rings*ring || h.Lost != 0 || h.OlderFrees != 0 || h.Failed != 0 {
				t.Errorf("%d allocations, want %d; %d live, want %d; frees %d, older %d, lost %d, failed %d",
					h.Allocs, n*k.allocs, h.LiveObjects, rings*ring, h.Frees, h.OlderFrees, h.Lost, h.Failed)
			}
			var sites int64
			for _, s := range h.All {
				sites += s.Allocs
			}
			if sites != h.Allocs {
				t.Errorf("the sites have %d allocations of %d", sites, h.Allocs)
			}
			server.Stop()
		})
	}
}

// A leak is at the top of what is held, by name, whatever way it was allocated.
func TestALeakingSiteHoldsMost(t *testing.T) {
	for _, k := range kinds {
		for _, via := range k.ways {
			t.Run(k.name+"/"+via, func(t *testing.T) {
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

// valgrind counts the same requests. What it sees beside them (start, end) is the
// same for any number, so two runs of different length tell.
func TestCountsAreThoseOfValgrind(t *testing.T) {
	valgrind := kerneltest.Tool(t, "valgrind")
	programs := map[string]func(socket string) []string{
		"churn": func(socket string) []string {
			return []string{peer.Build(t, "leaky"), "--churn", "--healthy", "--socket", socket}
		},
		"gateway": func(socket string) []string {
			return []string{peer.Reference(t, "v1"), "--no-nats", "--socket", socket}
		},
	}
	for name, command := range programs {
		t.Run(name, func(t *testing.T) {
			kerneltest.Privileged(t)
			const first, n = 1000, 3000 // churn is the same for any thousand requests
			run := func(requests ...int) usage {
				socket := filepath.Join(t.TempDir(), "s")
				log := filepath.Join(t.TempDir(), "log")
				args := append([]string{"--tool=memcheck", "--undef-value-errors=no", "--log-file=" + log}, command(socket)...)
				server := peer.Launch(t, valgrind, args...)
				awaitSocket(t, socket)
				for _, r := range requests {
					ask(t, socket, r)
				}
				server.Stop()
				return readUsage(t, log)
			}
			less, more := run(first), run(first, n)
			want := usage{more.allocs - less.allocs, more.frees - less.frees, more.bytes - less.bytes}

			socket := filepath.Join(t.TempDir(), "s")
			line := command(socket)
			server := peer.Launch(t, line[0], line[1:]...)
			awaitSocket(t, socket)
			ask(t, socket, first)
			w := watch(t, server.Pid, "")
			ask(t, socket, n)
			h := w.result(t)
			got := usage{h.Allocs, h.Frees + h.OlderFrees, h.AllocBytes}
			t.Logf("a request: %.3f allocations, %.3f frees, %.1f bytes; valgrind %.3f, %.3f, %.1f",
				float64(got.allocs)/n, float64(got.frees)/n, float64(got.bytes)/n, float64(want.allocs)/n, float64(want.frees)/n, float64(want.bytes)/n)
			for _, c := range []struct {
				what      string
				got, want int64
			}{{"allocations", got.allocs, want.allocs}, {"frees", got.frees, want.frees}, {"bytes", got.bytes, want.bytes}} {
				if d := float64(c.got-c.want) / float64(c.want); d < -0.005 || d > 0.005 {
					t.Errorf("%d %s, valgrind counts %d", c.got, c.what, c.want)
				}
			}
			server.Stop()
		})
	}
}

type usage struct{ allocs, frees, bytes int64 }

var usageLine = regexp.MustCompile(`total heap usage: ([\d,]+) allocs, ([\d,]+) frees, ([\d,]+) bytes`)

func readUsage(t *testing.T, log string) (u usage) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	m := usageLine.FindStringSubmatch(string(text))
	if m == nil {
		t.Fatalf("valgrind did not say what was used:\n%s", text)
	}
	for i, to := range []*int64{&u.allocs, &u.frees, &u.bytes} {
		if *to, err = strconv.ParseInt(strings.ReplaceAll(m[i+1], ",", ""), 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func awaitSocket(t *testing.T, socket string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			time.Sleep(100 * time.Millisecond) // bound, but not yet listening
			return
		}
	}
	t.Fatalf("nothing listens on %s", socket)
}

func TestAnAllocatorCanBeNamed(t *testing.T) {
	server, socket := kinds[0].start(t, "--healthy")
	for _, named := range []string{"libc.so.6", "malloc"} {
		w := watch(t, server.Pid, named)
		ask(t, socket, 100)
		if h := w.result(t); h.Allocs < 100*16-1 || h.Allocs > 100*16 { // by symbol reallocarray stays: it derives from malloc
			t.Errorf("--allocator %s: %d allocations in 100 requests", named, h.Allocs)
		}
		w.probes.Close()
	}
	server.Stop()
}

func TestAForkIsToldAndItsHeapNotCounted(t *testing.T) {
	server, socket := kinds[0].start(t, "--healthy", "--fork-at", "500")
	w := watch(t, server.Pid, "")
	ask(t, socket, 1000)
	if h := w.result(t); h.Allocs != 1000*16 || h.Forks != 1 {
		t.Errorf("%d allocations, want %d; %d forks, want 1", h.Allocs, 1000*16, h.Forks)
	}
	server.Stop()
}

func TestWhatWasSeenBeforeAnEndStays(t *testing.T) {
	for flag, says := range map[string]string{"--exec-at": "executed", "--exit-at": "exited"} {
		t.Run(flag, func(t *testing.T) {
			server, socket := kinds[0].start(t, "--healthy", flag, "500")
			w := watch(t, server.Pid, "")
			client := peer.Launch(t, peer.Build(t, "plainclient"), "--socket", socket, "--requests", "1000")
			client.Wait(20 * time.Second)
			h := w.result(t)
			if h.Allocs != 500*16 || !strings.Contains(h.Partial, says) {
				t.Errorf("%d allocations, want %d; it ended because %q", h.Allocs, 500*16, h.Partial)
			}
			server.Stop()
		})
	}
}

// thirtyTwo is a 32-bit program that waits for ever: ELF header, one segment, and
// pause by int 0x80.
func thirtyTwo() []byte {
	const base = 0x08048000
	code := []byte{0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7}
	b := []byte{0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	u16 := func(v uint16) { b = append(b, byte(v), byte(v>>8)) }
	u32 := func(v uint32) { b = append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24)) }
	u16(2)
	u16(3) // an executable for the 386
	u32(1)
	u32(base + 84)
	u32(52)
	u32(0)
	u32(0)
	for _, v := range []uint16{52, 32, 1, 40, 0, 0} {
		u16(v)
	}
	size := uint32(84 + len(code))
	for _, v := range []uint32{1, 0, base, base, size, size, 5, 0x1000} {
		u32(v)
	}
	return append(b, code...)
}

func TestWhatCannotBeWatchedSaysSo(t *testing.T) {
	refused := func(t *testing.T, pid int, named string, words ...string) {
		t.Helper()
		_, err := heap.Find(pid, named)
		var why *heap.Unmeasurable
		if !errors.As(err, &why) {
			t.Fatalf("got %v", err)
		}
		for _, word := range words {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q lacks %q", err, word)
			}
		}
	}
	t.Run("a program without malloc", func(t *testing.T) { // this test, in Go
		refused(t, os.Getpid(), "", "no allocator was found")
	})
	t.Run("an allocator that is not there", func(t *testing.T) {
		refused(t, os.Getpid(), "je_malloc", "je_malloc", "no such allocator")
	})
	t.Run("a process that is gone", func(t *testing.T) {
		gone := exec.Command("true")
		if err := gone.Run(); err != nil {
			t.Fatal(err)
		}
		refused(t, gone.ProcessState.Pid(), "", "can't be")
	})
	t.Run("a 32-bit program", func(t *testing.T) {
		program := filepath.Join(t.TempDir(), "small")
		if err := os.WriteFile(program, thirtyTwo(), 0o755); err != nil {
			t.Fatal(err)
		}
		small := exec.Command(program)
		if err := small.Start(); err != nil {
			kerneltest.Skip(t, fmt.Sprintf("needs a kernel that runs 32-bit programs: %v", err))
			return
		}
		defer func() {
			_ = small.Process.Kill()
			_ = small.Wait()
		}()
		refused(t, small.Process.Pid, "", "32-bit")
	})
}
