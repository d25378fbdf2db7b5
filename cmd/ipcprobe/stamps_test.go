// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// The server logs its own stamps: at the return of the recv that took a
// request, and before the send that carries the answer. The kernel's service
// time of the same request must be that, give or take the way into the calls; and
// from the client's own stamp to the kernel's taken must be as long as to the
// server's. What a preemption between two of these stamps does to the slowest
// hundredth is logged and not judged.
func TestTheKernelsStampsAreTheServersOwn(t *testing.T) {
	kerneltest.Privileged(t)
	for _, shape := range stampedShapes() {
		t.Run(fmt.Sprintf("%s in reads of %s, %d connections, pipeline %d", shape.payload, shape.read, shape.connections, shape.pipeline), func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "stamps")
			server, _ := startPeer(t, "stampserver", "--log", log, "--busy-us", "5", "--read-bytes", shape.read)
			_, joined := measureHere(t, server.Pid, false, "--payload", shape.payload,
				"--connections", fmt.Sprint(shape.connections), "--pipeline", fmt.Sprint(shape.pipeline), "--timeout", "20s")
			if code := server.Stop(); code != 0 {
				t.Fatalf("the server ended with %d:\n%s", code, server.Output())
			}
			stamps, err := peer.ReadStamps(log)
			if err != nil {
				t.Fatal(err)
			}
			compareStamps(t, joined, stamps)
		})
	}
}

// everyShape has the tests that go through many shapes go through all of them.
var everyShape = flag.Bool("every-shape", false, "hold figures against their oracles in every shape, which takes minutes")

// A stampedShape is a load and how much of it the server reads at a time; 0: what
// is there. 1 MiB never comes in one piece: the kernel takes some 200 KiB of a send
// at a time.
type stampedShape struct {
	payload, read         string
	connections, pipeline int
}

// stampedShapes are all shapes, or as many as show each size, number of connections
// and pipeline at least once.
func stampedShapes() []stampedShape {
	some := []stampedShape{
		{"64", "0", 1, 1}, {"64", "0", 60, 8}, {"64", "23", 16, 8}, {"16KiB", "3000", 60, 1},
		{"16KiB", "3000", 1, 8}, {"1MiB", "0", 16, 1},
	}
	if !*everyShape {
		return some
	}
	var all []stampedShape
	for _, size := range [][2]string{{"64", "0"}, {"64", "23"}, {"16KiB", "3000"}, {"1MiB", "0"}} {
		for _, connections := range []int{1, 16, 60} {
			for _, pipeline := range []int{1, 8} {
				all = append(all, stampedShape{size[0], size[1], connections, pipeline})
			}
		}
	}
	return all
}

// measureHere measures in this process, all of it probed, and returns every joined
// request as well.
func measureHere(t *testing.T, pid int, family bool, args ...string) (*measurement, []results.Joined) {
	t.Helper()
	m, all := watchHere(t, pid, family, args...)
	if len(m.slices) == 0 || len(all) < 20 {
		t.Fatalf("%d slices, %d joined requests: %+v, warnings %q", len(m.slices), len(all), m.join, m.warnings)
	}
	return m, all
}

// watchHere is measureHere where nothing need come of it.
func watchHere(t *testing.T, pid int, family bool, args ...string) (*measurement, []results.Joined) {
	t.Helper()
	o := &runOptions{pid: pid, budget: 100, hz: 199, slice: 200 * time.Millisecond, quiet: true, family: family}
	root := newRun(io.Discard, io.Discard)
	o.load = load.Flags(root.InheritedFlags())
	if err := root.InheritedFlags().Parse(append([]string{"--duration", "1s", "--warmup", "100ms"}, args...)); err != nil {
		t.Fatal(err)
	}
	var all []results.Joined
	o.onJoined = func(some []results.Joined) { all = append(all, some...) }
	m, err := measure(context.Background(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return m, all
}

// place names a request by its connection and the end of its answer. Both
// sides count connections in the order in which they were opened.
type place struct {
	connection uint32
	outEnd     uint64
}

// logged are a server's stamps by what they are of.
func logged(stamps []peer.Stamp) map[place]peer.Stamp {
	all := make(map[place]peer.Stamp, len(stamps))
	for _, s := range stamps {
		all[place{s.Connection, s.OutEnd}] = s
	}
	return all
}

func compareStamps(t *testing.T, joined []results.Joined, stamps []peer.Stamp) {
	t.Helper()
	const most = 2000 // ns, of the median; half of it where nobody else needs the CPUs
	own := logged(stamps)
	var service, queue []int64
	for i := range joined {
		j := &joined[i]
		s, ok := own[place{j.Conn, j.InEnd}]
		if !ok {
			t.Fatalf("the server did not log the answer that ends at %d of connection %d", j.InEnd, j.Conn)
		}
		service = append(service, apart(j.ServiceTime(), int64(s.SendingNs-s.ReceivedNs)))
		queue = append(queue, apart(j.SendCall()+j.QueueWait(), int64(s.ReceivedNs)-j.Sent))
	}
	for name, differences := range map[string][]int64{"service time": service, "queue wait": queue} {
		slices.Sort(differences)
		median, p99 := differences[len(differences)/2], differences[len(differences)*99/100]
		t.Logf("%s of %d requests: difference to the server's own stamps: median %d ns, p99 %d ns", name, len(differences), median, p99)
		if median > most {
			t.Errorf("%s: median difference %d ns, want at most %d", name, median, most)
		}
	}
}

// apart is how far two durations lie apart.
func apart(a, b int64) int64 { return max(a-b, b-a) }
