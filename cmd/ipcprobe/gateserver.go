// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// serveBusy is a server of the ipc protocol that gives every payload back, after
// some rounds of work. It ends with the context.
func serveBusy(ctx context.Context, path string, rounds int) error {
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("serve the self-test: %w", err)
	}
	go func() {
		<-ctx.Done()
		_ = listener.Close() // which also removes the socket
	}()
	for {
		client, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return fmt.Errorf("serve the self-test: %w", err)
		}
		go func() {
			defer client.Close()
			_ = answerBusy(client, rounds) // the client has gone: nobody to tell
		}()
	}
}

// answerBusy answers one client until it goes.
func answerBusy(client io.ReadWriter, rounds int) error {
	in := bufio.NewReaderSize(client, 64<<10)
	var frame []byte
	for {
		head, err := in.Peek(wire.IPCHeader)
		if err != nil {
			return err
		}
		size := int(binary.BigEndian.Uint32(head))
		if size < wire.IPCHeader || size > wire.IPCMaxFrame {
			return errors.New("no frame")
		}
		if cap(frame) < size {
			frame = make([]byte, size)
		}
		frame = frame[:size]
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		// The work's result decides nothing, but the compiler must not know.
		if frame[5] = wire.ResponseOK; work(rounds) == 0 {
			frame[5] = wire.ResponseError
		}
		if _, err := client.Write(frame); err != nil {
			return err
		}
	}
}

// work takes the same CPU time whatever else the machine does, and returns anything
// but 0: a chain of shifts, none of which can begin before the last has ended.
func work(rounds int) uint64 {
	x := uint64(88172645463325252)
	for range rounds {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// roundsIn is how many rounds of work a time holds: by the shortest of several
// trials, which nobody has disturbed.
func roundsIn(d time.Duration) int {
	const trials, rounds = 50, 20_000
	best := time.Hour
	for range trials {
		began := time.Now()
		if work(rounds) == 0 {
			return 0
		}
		best = min(best, time.Since(began))
	}
	return int(float64(rounds) * float64(d) / float64(max(best, 1)))
}
