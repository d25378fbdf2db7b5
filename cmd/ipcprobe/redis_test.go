// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// startRedis starts redis-server on a Unix socket and nothing else.
func startRedis(t *testing.T) (server *peer.Process, socket, benchmark string) {
	t.Helper()
	program, benchmark := kerneltest.Tool(t, "redis-server"), kerneltest.Tool(t, "redis-benchmark")
	folder := openFolder(t)
	socket = filepath.Join(folder, "s")
	server = peer.Launch(t, program, "--port", "0", "--unixsocket", socket, "--unixsocketperm", "777", "--save", "", "--dir", folder)
	for range 500 {
		if _, err := os.Stat(socket); err == nil {
			return server, socket, benchmark
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("redis-server is not ready:\n%s", server.Output())
	return nil, "", ""
}

// saidRate is what redis-benchmark says of its rate, four times a second: that of
// the time since it last said so.
type saidRate struct {
	at  int64 // monotonic, ns
	rps float64
}

var rateWords = regexp.MustCompile(`rps=([0-9.]+) `)

// startBenchmark has redis-benchmark work until the test ends. The function tells
// its mean rate between two moments.
func startBenchmark(t *testing.T, program, socket string) func(from, to int64) float64 {
	t.Helper()
	benchmark := exec.Command(program, "-s", socket, "-t", "get", "-q", "-n", "1000000000", "-c", "20")
	out, err := benchmark.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := benchmark.Start(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var said []saidRate
	var over sync.WaitGroup
	over.Go(func() {
		lines := bufio.NewReader(out)
		for {
			line, err := lines.ReadString('\r')
			if err != nil {
				return
			}
			if match := rateWords.FindStringSubmatch(line); match != nil {
				rate, _ := strconv.ParseFloat(match[1], 64)
				mu.Lock()
				said = append(said, saidRate{monotonic(), rate})
				mu.Unlock()
			}
		}
	})
	t.Cleanup(func() {
		_ = benchmark.Process.Kill()
		over.Wait()
		_ = benchmark.Wait()
	})
	return func(from, to int64) float64 {
		mu.Lock()
		defer mu.Unlock()
		var requests, ns float64
		for i := 1; i < len(said); i++ {
			if said[i-1].at >= from && said[i].at <= to {
				length := float64(said[i].at - said[i-1].at)
				requests += said[i].rps * length
				ns += length
			}
		}
		return requests / ns
	}
}
