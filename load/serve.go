// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// Serve makes the load of o under the command of a parent, who holds the other
// end of the socket fd: this is what the child of Spawn does. It gives up all
// privileges and every descriptor it inherited but fd, the socket's file, and the standard ones,
// and returns when the parent has said stop or is gone, after every owed
// answer has been taken. Problems with the server are the parent's to tell.
//
// Serve is for a process of its own: it turns the garbage collector off.
func Serve(fd int, o Options) error {
	if fd <= 2 {
		return fmt.Errorf("serve load: descriptor %d can't be a control socket", fd)
	}
	if kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_STREAM {
		return fmt.Errorf("serve load: descriptor %d is no control socket: --control-fd is for ipcprobe's own use", fd)
	}
	keep := []int{fd}
	if o.Socket == socketPath {
		keep = append(keep, socketFD)
	}
	if err := confine(keep...); err != nil {
		return fmt.Errorf("serve load: %w", err)
	}
	return serve(os.NewFile(uintptr(fd), "control"), o, restrict)
}

// serve opens the connections, says how that went, and obeys. Before the first
// answer is read it calls fence, if there is one.
func serve(control *os.File, o Options, fence func() error) error {
	defer control.Close()
	quiet := debug.SetGCPercent(-1)
	// A net below the rope: what is allocated is bounded, and far below this.
	limit := debug.SetMemoryLimit(memoryLimit)
	defer func() {
		debug.SetGCPercent(quiet)
		debug.SetMemoryLimit(limit)
	}()
	out := &outlet{to: control}
	e, connections, trouble := newEngine(o, out, fence)
	if e == nil {
		out.say(kindRefused, trouble)
		return out.err
	}
	out.say(kindReady, readyReport{connections, trouble, e.unfenced})
	e.start()
	orders := make(chan order)
	go readOrders(control, orders)
	return e.obey(orders)
}

// memoryLimit is where the garbage collector would set in after all.
const memoryLimit = 256 << 20

// readOrders reads the parent's orders until it is gone, then closes orders.
// It ends with the control socket.
func readOrders(control io.Reader, orders chan<- order) {
	defer close(orders)
	in := bufio.NewReader(control)
	for {
		kind, n, err := readHead(in)
		if err != nil {
			return
		}
		var o order
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil || json.Unmarshal(body, &o) != nil {
			return
		}
		o.kind = kind
		orders <- o
		if kind == kindStop {
			return
		}
	}
}
