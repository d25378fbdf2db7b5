// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
)

// TestInterruptedLoadsNeverKillTheServer: foreign dies of SIGPIPE when a client
// leaves before its answer, and says so when one leaves within a frame. Loads of
// many shapes are interrupted at random moments, from before they have connected to
// deep in the load, every third twice. IPCPROBE_ROUNDS is how many (make
// interrupt-load takes 200).
func TestInterruptedLoadsNeverKillTheServer(t *testing.T) {
	rounds := 16
	if n, err := strconv.Atoi(os.Getenv("IPCPROBE_ROUNDS")); err == nil && n > 0 {
		rounds = n
	}
	shapes := [][]string{
		{"--pipeline", "8"},
		{"--connections", "1", "--pipeline", "64"},
		{"--rate", "20000", "--connections", "16"},
		{"--payload", "200KiB", "--pipeline", "4"},
		{"--payload", "3MiB"},
		{"--mix", "50% 0x01 100KiB, 50% ping", "--connections", "8"},
		{"--think", "1ms", "--connections", "60"},
		{"--threads", "2", "--pipeline", "4"},
	}
	socket := filepath.Join(openFolder(t), "s")
	server := peer.Start(t, "[gw] listening", peer.Build(t, "foreign"), socket)
	interrupted := 0
	for i := range rounds {
		args := append([]string{"load", "--socket", socket, "--warmup", "100ms", "--duration", "30s", "--quiet"}, shapes[i%len(shapes)]...)
		c := command(args...)
		var said bytes.Buffer
		c.Stdout, c.Stderr = &said, &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(600 * time.Millisecond))
		for range 1 + i%3/2 {
			if err := c.Process.Signal(syscall.SIGINT); err != nil {
				break // it has ended
			}
			time.Sleep(rand.N(10 * time.Millisecond))
		}
		err := c.Wait()
		if code := c.ProcessState.ExitCode(); code == signalBase+int(syscall.SIGINT) || code == exitInvalid {
			interrupted++
		} else if !c.ProcessState.Sys().(syscall.WaitStatus).Signaled() { // before it could handle it
			t.Errorf("round %d, %v: %v\n%s", i, args, err, said.String())
		}
		if !server.Alive() {
			t.Fatalf("the server died in round %d, %v:\n%s", i, args, said.String())
		}
	}
	if interrupted < rounds/2 {
		t.Errorf("%d of %d loads were interrupted under way", interrupted, rounds)
	}
	got := ipcprobe(t, "load", "--socket", socket, "--warmup", "0s", "--requests", "1000", "--quiet")
	if got.code != exitDone {
		t.Errorf("the server does not serve any more: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	if strings.Contains(server.Output(), "left within a frame") {
		t.Error("the server has seen half a frame")
	}
}
