// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Both counts are held against getrusage, which counts the same for this process.
func TestWorkIsWhatTheKernelCounts(t *testing.T) {
	self := &Target{PID: os.Getpid()}
	before, err := ReadWork(self)
	if err != nil {
		t.Fatal(err)
	}
	var from, to unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &from); err != nil {
		t.Fatal(err)
	}
	const pages = 4000
	memory, err := unix.Mmap(-1, 0, pages*os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(memory)
	_ = unix.Madvise(memory, unix.MADV_NOHUGEPAGE) // an old kernel has no huge pages
	for i := 0; i < len(memory); i += os.Getpagesize() {
		memory[i] = 1
	}
	runtime.LockOSThread()
	for range 100 {
		time.Sleep(time.Microsecond)
		unix.Nanosleep(&unix.Timespec{Nsec: 1000}, nil)
	}
	runtime.UnlockOSThread()
	if err := unix.Getrusage(unix.RUSAGE_SELF, &to); err != nil {
		t.Fatal(err)
	}
	after, err := ReadWork(self)
	if err != nil {
		t.Fatal(err)
	}
	faults, switches := after.Faults-before.Faults, after.Switches-before.Switches
	if want := to.Minflt - from.Minflt + to.Majflt - from.Majflt; faults < want || faults < pages || faults > want+want/5+100 {
		t.Errorf("%d page faults, getrusage counts %d", faults, want)
	}
	if want := to.Nvcsw - from.Nvcsw + to.Nivcsw - from.Nivcsw; want < 100 || switches < want || switches > want+want/2+100 {
		t.Errorf("%d context switches, getrusage counts %d", switches, want)
	}
}
