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
// it was busy for a time that is known. It ends with the context.
func serveBusy(ctx context.Context, path string, busy time.Duration) error {
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
			_ = answerBusy(client, busy) // the client has gone: nobody to tell
		}()
	}
}

// answerBusy answers one client until it goes.
func answerBusy(client io.ReadWriter, busy time.Duration) error {
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
		for began := time.Now(); time.Since(began) < busy; {
		}
		frame[5] = wire.ResponseOK
		if _, err := client.Write(frame); err != nil {
			return err
		}
	}
}
