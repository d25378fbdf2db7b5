// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"os"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Go's runtime has a thread that wakes a hundred times a second, as long as any
// other runs, to see whether one has run for too long (sysmon in runtime/proc.go). In
// a child of ours nobody depends on that: its loop makes room by itself, and there
// are processors to spare. But on a machine whose CPUs the server and its load keep
// busy each waking displaces one of the two for a moment, and that moves a closed
// loop into another rhythm for some milliseconds. On two virtual CPUs a C client with
// one more thread that naps 10 ms at a time gets 5 % fewer answers of a saturated
// server at 16 connections, with a median 12 % higher, and 11 % more at 4 connections;
// this generator showed the same differences from a C client without such a thread.
//
// So the parent stops that one thread, as a debugger would (PTRACE_SEIZE, Linux 3.4).
// It goes on when the parent ends. Where tracing is not allowed all is as it was.

const (
	hushLooks = 5                    // in so many looks in a row the thread must nap
	hushPause = 7 * time.Millisecond // between two; no multiple of a nap
	hushMost  = 60                   // looks before this is given up
)

// hush stops the napping thread of a child's runtime until the child ends. It returns
// then, or when there is none, or it can't be stopped.
func hush(pid int, gone <-chan struct{}) {
	runtime.LockOSThread() // a tracer is a thread; it ends with this goroutine
	tid := napper(pid, gone)
	if tid == 0 || unix.PtraceSeize(tid) != nil {
		return
	}
	for tries := 0; ; tries++ {
		if unix.PtraceInterrupt(tid) != nil || !stopped(tid) {
			return
		}
		if naps(pid, tid) {
			break // and stays where it is: it holds nothing
		}
		if unix.PtraceCont(tid, 0) != nil || tries == hushMost {
			return
		}
		time.Sleep(hushPause)
	}
	for stopped(tid) { // its end has to be taken note of, or the child's own would not be told
	}
}

// stopped waits for the next word about a traced thread, and is false when that was
// its last.
func stopped(tid int) bool {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(tid, &status, unix.WALL, nil)
		if err != unix.EINTR {
			return err == nil && status.Stopped()
		}
	}
}

// napper is the thread of a process that naps whenever it is looked at; 0 when there
// is none, or more than one.
func napper(pid int, gone <-chan struct{}) int {
	seen := map[int]int{}
	for range hushMost {
		select {
		case <-gone:
			return 0
		case <-time.After(hushPause):
		}
		tasks, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
		if err != nil {
			return 0
		}
		var found []int
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil {
				continue
			}
			if !naps(pid, tid) {
				delete(seen, tid)
			} else if seen[tid]++; seen[tid] >= hushLooks {
				found = append(found, tid)
			}
		}
		if len(found) == 1 && len(seen) == 1 {
			return found[0]
		}
	}
	return 0
}

// naps says that a thread is in nanosleep, of which Go's runtime makes its naps, and
// the thread that waits for connections or work none.
func naps(pid, tid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid) + "/syscall")
	number, _, _ := bytes.Cut(text, []byte(" "))
	return err == nil && string(number) == strconv.Itoa(unix.SYS_NANOSLEEP)
}
