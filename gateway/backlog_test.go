// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// sockets of this process: one that listens and accepts only when told to.
func listen(t *testing.T, name string, backlog int) int {
	t.Helper()
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(listener) })
	if err := unix.Bind(listener, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(listener, backlog); err != nil {
		t.Fatal(err)
	}
	return listener
}

func connect(t *testing.T, name string, send int) {
	t.Helper()
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(client) })
	if err := unix.Connect(client, &unix.SockaddrUnix{Name: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(client, make([]byte, send)); err != nil {
		t.Fatal(err)
	}
}

func TestTheBacklogIsWhatWaits(t *testing.T) {
	for kind, name := range map[string]string{
		"a file":   filepath.Join(t.TempDir(), "s"),
		"abstract": "@ipcprobe-backlog-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(kind, func(t *testing.T) {
			listener := listen(t, name, 7)
			accept := func() int {
				accepted, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { unix.Close(accepted) })
				return accepted
			}
			for _, bytes := range []int{1000, 500, 0, 1000, 0, 0} {
				connect(t, name, bytes)
			}
			accepted := accept()
			accept()
			accept()
			socket := Socket{Name: name}
			if !strings.HasPrefix(name, "@") {
				socket.file = fileID{1, 1}
			}
			reader, err := OpenBacklog(&Target{PID: os.Getpid()}, []Socket{socket})
			if err != nil {
				kerneltest.Skip(t, "this system has no table of sockets: "+err.Error())
			}
			defer reader.Close()
			seen, err := reader.Read()
			if err != nil {
				t.Fatal(err)
			}
			want := results.Backlog{Looks: 1, Connections: 3, Waiting: 3, WaitingLimit: 7, QueuedBytes: 1500, QueuedConnections: 2}
			if seen != want {
				t.Errorf("got %+v, want %+v", seen, want)
			}
			if _, err := unix.Read(accepted, make([]byte, 600)); err != nil {
				t.Fatal(err)
			}
			if seen, err = reader.Read(); err != nil || seen.QueuedBytes != 900 {
				t.Errorf("after a read of 600 bytes: %+v, %v", seen, err)
			}
		})
	}
}

func FuzzBacklogMessages(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{16, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{20, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 254, 255, 255, 255})
	message := []byte{52, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 1, 10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		6, 0, 0, 0, 'a', 0, 0, 0, 12, 0, 4, 0, 3, 0, 0, 0, 7, 0, 0, 0}
	f.Add(message)
	f.Fuzz(func(t *testing.T, data []byte) {
		b := &BacklogReader{names: map[string]bool{"a": true}}
		var seen results.Backlog
		_, _ = b.messages(data, &seen)
		if seen.Waiting < 0 || seen.QueuedBytes < 0 {
			t.Errorf("%+v", seen)
		}
	})
}
