// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/loader/heap"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

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
