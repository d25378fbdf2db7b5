// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// clockedServer answers messages on a seqpacket socket, and knows when each one
// arrived: the kernel stamps it as it is queued (SO_TIMESTAMPNS), so that what
// keeps the server busy, or from waking, is not in the stamps.
type clockedServer struct {
	path     string
	listener int
	wait     sync.WaitGroup
	mu       sync.Mutex
	conns    []int
	stamps   []int64 // CLOCK_REALTIME, ns
}

func startClockedServer(tb testing.TB) *clockedServer {
	tb.Helper()
	dir, err := os.MkdirTemp("", "clock")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s := &clockedServer{path: filepath.Join(dir, "s")}
	if s.listener, err = unix.Socket(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0); err != nil {
		tb.Fatal(err)
	}
	if err := unix.Bind(s.listener, &unix.SockaddrUnix{Name: s.path}); err != nil {
		tb.Fatal(err)
	}
	if err := unix.Listen(s.listener, 128); err != nil {
		tb.Fatal(err)
	}
	s.wait.Go(s.accept)
	return s
}

func (s *clockedServer) accept() {
	for {
		fd, _, err := unix.Accept4(s.listener, unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1) // no stamps, and the test says so
		s.mu.Lock()
		s.conns = append(s.conns, fd)
		s.mu.Unlock()
		s.wait.Go(func() { s.serve(fd) })
	}
}

// serve answers until the client goes. Nothing is allocated a message.
func (s *clockedServer) serve(fd int) {
	var in [4096]byte
	var control [64]byte
	mine := make([]int64, 0, 1<<20)
	vec := unix.Iovec{Base: &in[0], Len: uint64(len(in))}
	for {
		message := unix.Msghdr{Iov: &vec, Iovlen: 1, Control: &control[0]}
		message.SetControllen(len(control))
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n < wire.IPCHeader {
			break
		}
		if message.Controllen >= unix.SizeofCmsghdr {
			at := (*unix.Timespec)(unsafe.Pointer(&control[unix.SizeofCmsghdr]))
			mine = append(mine, at.Nano())
		}
		if _, err := unix.Write(fd, goodAnswer); err != nil {
			break
		}
	}
	s.mu.Lock()
	s.stamps = append(s.stamps, mine...)
	s.mu.Unlock()
	unix.Close(fd)
}

// arrived ends the server and returns when the messages arrived, in order.
func (s *clockedServer) arrived() []int64 {
	_ = unix.Shutdown(s.listener, unix.SHUT_RDWR)
	s.mu.Lock()
	for _, fd := range s.conns {
		_ = unix.Shutdown(fd, unix.SHUT_RDWR) // of one that has gone: it is closed already
	}
	s.mu.Unlock()
	s.wait.Wait()
	unix.Close(s.listener)
	slices.Sort(s.stamps)
	return s.stamps
}

// arrivals are what is known of the arrivals of one load.
type arrivals struct {
	offered  float64 // requests that the schedule had due in the measured part
	achieved float64 // of these, sent in it, a share
	lagP99   int64   // send lag (ns)
	blocks   int     // of 1,000 gaps
	fit      float64 // share of the blocks that Anderson and Darling accept at 5 %
	coarse   float64 // the same of blocks of 1,000 times that so many gaps take as 100 µs have
	all      float64 // A² of all gaps
	steady   float64 // share of the gaps within 10 % of the mean one
}

// measureArrivals makes a load in a child process, as `ipcprobe load` does, and
// looks at what arrived.
func measureArrivals(tb testing.TB, kind string, rate int, length time.Duration) arrivals {
	tb.Helper()
	server := startClockedServer(tb)
	o := Defaults()
	o.Socket, o.Rate, o.Arrivals, o.Duration = server.path, fmt.Sprint(rate), kind, length
	o.Warmup = 500 * time.Millisecond
	s := runChild(tb, o)
	stamps := server.arrived()
	if sent := s.Totals.Counts.Sent; int64(len(stamps)) < sent-8 || int64(len(stamps)) > sent {
		tb.Fatalf("the kernel stamped %d of %d messages", len(stamps), sent)
	}
	var a arrivals
	parsed, err := ParseRate(o.Rate)
	if err != nil {
		tb.Fatal(err)
	}
	due, from := NewSchedule(parsed, kind, o.Seed), s.Slice.Start-s.Warmup.Start
	for at := due.Next(); at < from+s.Slice.End-s.Slice.Start; at = due.Next() {
		if at >= from {
			a.offered++
		}
	}
	a.achieved = float64(s.Slice.Counts().Sent) / a.offered
	a.lagP99 = measured(&s).SendLag.Histogram().ValueAtQuantile(99)

	var gaps []float64
	first := stamps[0] + int64(o.Warmup)
	for i := 1; i < len(stamps); i++ {
		if stamps[i] >= first {
			gaps = append(gaps, float64(stamps[i]-stamps[i-1]))
		}
	}
	mean := 1e9 / float64(rate)
	near := 0
	for _, gap := range gaps {
		if math.Abs(gap-mean) <= mean/10 {
			near++
		}
	}
	a.steady = float64(near) / float64(len(gaps))
	a.all = andersonDarling(gaps, exponential(mean))
	a.fit, a.blocks = accepted(gaps, exponential(mean))
	many := max(1, rate/10_000)
	var spans []float64
	for part := range slices.Chunk(gaps[:len(gaps)/many*many], many) {
		span := 0.0
		for _, gap := range part {
			span += gap
		}
		spans = append(spans, span)
	}
	a.coarse, _ = accepted(spans, erlang(many, mean))
	return a
}

// accepted is the share of the blocks of 1,000 values that the Anderson–Darling test
// accepts at 5 %.
func accepted(values []float64, cdf func(float64) float64) (share float64, blocks int) {
	const block = 1000
	good := 0
	for part := range slices.Chunk(values[:len(values)/block*block], block) {
		blocks++
		if andersonDarlingP(andersonDarling(part, cdf)) >= 0.05 {
			good++
		}
	}
	return float64(good) / float64(blocks), blocks
}

// TestArrivalsAreOfTheAskedDistribution: what arrives in the kernel at 2,000/s has
// the gaps that were asked for; at higher rates the time of a send shows in the
// shortest of them (BenchmarkArrivals prints how much). A machine that is busy with others makes the load
// late, and that is no matter of the distribution: then the test says so.
func TestArrivalsAreOfTheAskedDistribution(t *testing.T) {
	const rate = 2_000
	for _, kind := range []string{ArrivalsPoisson, ArrivalsConstant} {
		t.Run(kind, func(t *testing.T) {
			var a arrivals
			for range 3 { // a busy moment passes
				a = measureArrivals(t, kind, rate, 8*time.Second)
				t.Logf("%+v", a)
				if a.lagP99 < 50_000 {
					break
				}
			}
			// Whatever the machine does: one kind of arrivals is not the other.
			if kind == ArrivalsConstant && a.fit > 0.5 {
				t.Errorf("constant arrivals have the gaps of random ones in %.0f %% of the blocks", 100*a.fit)
			}
			if a.lagP99 >= 50_000 { // a tenth of the mean gap
				t.Logf("the machine is busy with others, the load was late: send lag p99 %v", time.Duration(a.lagP99))
				return
			}
			if math.Abs(a.achieved-1) > 0.005 {
				t.Errorf("%.4f of the offered requests were sent", a.achieved)
			}
			switch {
			// Of 16 blocks one is refused by chance, and some for the time of a send, which
			// no gap is shorter than; of constant arrivals all are.
			case kind == ArrivalsPoisson && a.fit < 0.5:
				t.Errorf("Anderson and Darling accept %.0f %% of the blocks", 100*a.fit)
			case kind == ArrivalsConstant && a.steady < 0.9:
				t.Errorf("%.0f %% of the gaps are within 10 %% of 1/%d s", 100*a.steady, rate)
			}
		})
	}
}

// BenchmarkArrivals prints, for each rate, what share of the offered requests was
// sent, the send lag's p99, and whether the gaps between arrivals are of the asked
// distribution: for Poisson arrivals the share of blocks of 1,000 gaps that the
// Anderson–Darling test accepts at 5 % (0.95 is as it should be), for constant
// ones the share of gaps within 10 % of the asked one.
//
// One thread can't send twice within the time that a send takes, some 1.5 µs: at
// 100,000/s one of seven gaps of a Poisson process is shorter. So the times that
// several gaps take, as many as lie in 100 µs, are held against their distribution
// (Erlang's) as well: they show whether the process is the asked one, but for that.
func BenchmarkArrivals(b *testing.B) {
	for _, kind := range []string{ArrivalsPoisson, ArrivalsConstant} {
		for _, rate := range []int{10_000, 50_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", kind, rate), func(b *testing.B) {
				var a arrivals
				for b.Loop() {
					a = measureArrivals(b, kind, rate, 10*time.Second)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(a.achieved, "sent/offered")
				b.ReportMetric(float64(a.lagP99)/1000, "lag-p99-µs")
				if kind == ArrivalsPoisson {
					b.ReportMetric(a.fit, "blocks-accepted")
					b.ReportMetric(a.coarse, "blocks-accepted-by-100µs")
					b.ReportMetric(a.all, "A²-of-all")
				} else {
					b.ReportMetric(a.steady, "gaps-within-10%")
				}
			})
		}
	}
}
