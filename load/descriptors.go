// SPDX-License-Identifier: Apache-2.0

package load

import (
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Where threads share a table of descriptors, as those of a process do, the kernel
// takes a reference on a file for each system call and gives it back: another thread
// might close it meanwhile. A table that one thread has for itself spares that, three
// times a request. So each worker's thread gets one, and what it alone uses is closed
// in the others: a connection ends when its worker closes it.
//
// Go's runtime stays at peace with that. It never runs another goroutine on a locked
// thread, nor starts a thread from one (newm in runtime/proc.go); and what a worker
// wakes it with, the poller's descriptor, is in its table too, under the same number.

// startThreads starts the workers, each on a thread and, in a process that is the
// load's own, with a table of descriptors of its own.
func (e *engine) startThreads() {
	held := make([][]int, len(e.workers))
	for i, w := range e.workers {
		held[i] = w.descriptors()
	}
	if e.own {
		time.Sleep(time.Nanosecond) // opens the runtime's poller, if nothing else has
	}
	apart := make([]bool, len(e.workers))
	var begun sync.WaitGroup
	begun.Add(len(e.workers))
	for i, w := range e.workers {
		e.threads.Go(func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the loop
			if e.own && unix.Unshare(unix.CLONE_FILES) == nil {
				apart[i] = true
				for k := range held {
					if k != i {
						closeAll(held[k])
					}
				}
			}
			begun.Done()
			w.run()
		})
	}
	begun.Wait()
	for i := range held {
		if apart[i] {
			closeAll(held[i])
		}
	}
}

// descriptors are those that w alone uses.
func (w *worker) descriptors() []int {
	list := []int{w.epoll.fd}
	if w.epoll.tick >= 0 {
		list = append(list, w.epoll.tick)
	}
	for _, c := range w.conns {
		if c.fd >= 0 {
			list = append(list, int(c.fd))
		}
	}
	return list
}

func closeAll(list []int) {
	for _, fd := range list {
		unix.Close(fd)
	}
}
