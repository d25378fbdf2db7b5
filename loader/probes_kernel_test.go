// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

const (
	requestBytes = 100
	answerBytes  = 50
)

// TestMain runs the test binary as the server under test when asked to.
func TestMain(m *testing.M) {
	if path := os.Getenv("IPCPROBE_TEST_SERVE"); path != "" {
		serve(path)
		return
	}
	if file := os.Getenv(withoutBTFVariable); file != "" {
		openWithoutBTF(file)
		return
	}
	os.Exit(m.Run())
}

// serve answers requests of fixed size with raw system calls: one recvfrom and
// one sendto a request, so that a test can count them. With an upstream it asks
// there before each answer.
func serve(path string) {
	ask := upstreamOf(os.Getenv("IPCPROBE_TEST_UPSTREAM"))
	listener, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(err)
	must(unix.Bind(listener, &unix.SockaddrUnix{Name: path}))
	must(unix.Listen(listener, 8))
	fmt.Println("listening")
	conn, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
	must(err)
	request, answer := make([]byte, requestBytes), make([]byte, answerBytes)
	for {
		n, _, err := unix.Recvfrom(conn, request, unix.MSG_WAITALL)
		must(err)
		if n == 0 {
			return
		}
		ask()
		must(unix.Sendto(conn, answer, 0, nil))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// startServer runs serve in a process of its own and connects to it. Where there are
// CPUs enough it has one to itself: a trampoline that is preempted (rung fentry) runs
// for no other thread of its CPU meanwhile, and these tests count everything.
func startServer(t *testing.T, environment ...string) (pid int, conn *net.UnixConn) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), "IPCPROBE_TEST_SERVE="+path,
		"GODEBUG=asyncpreemptoff=1") // a preempted recv is restarted: two calls
	command.Env = append(command.Env, environment...)
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	apart(t, command.Process.Pid)
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	conn, err = net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); command.Wait() })
	return command.Process.Pid, conn
}

func exchange(t *testing.T, conn *net.UnixConn, n int) {
	t.Helper()
	request, answer := make([]byte, requestBytes), make([]byte, answerBytes)
	for range n {
		if _, err := conn.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			t.Fatal(err)
		}
	}
}

func exchangeOnce(t *testing.T, conn *net.UnixConn) error {
	exchange(t, conn, 1)
	return nil
}

func count(t *testing.T, probes *Probes, on bool) {
	t.Helper()
	if err := probes.Count(on); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, options Options) *Probes {
	t.Helper()
	kerneltest.Privileged(t)
	probes, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := probes.Close(); err != nil {
			t.Error(err)
		}
	})
	return probes
}

func TestEveryRequestOfASliceIsSeenOnce(t *testing.T) { onEachRung(t, everyRequestOfASliceIsSeenOnce) }

func everyRequestOfASliceIsSeenOnce(t *testing.T, rung Rung) { seesEachOnce(t, Options{Rung: rung}) }

// Programs that reckon with being preempted look for a thread's state each time.
func TestEveryRequestIsSeenWherePreemptionIsFeared(t *testing.T) {
	onEachRung(t, func(t *testing.T, rung Rung) {
		if rung.typed() {
			seesEachOnce(t, Options{Rung: rung, preempted: true})
		}
	})
}

func seesEachOnce(t *testing.T, options Options) {
	pid, conn := startServer(t)
	options.Target, options.Client = pid, os.Getpid()
	probes := open(t, options)
	const n = 1000
	// Its first request makes a connection known: it may be taken too early.
	if err := errors.Join(probes.Attach(), exchangeOnce(t, conn), probes.Detach()); err != nil {
		t.Fatal(err)
	}
	if _, err := probes.Collect(nil); err != nil {
		t.Fatal(err)
	}
	for slice := range 3 {
		exchange(t, conn, 7) // bare: must leave no trace
		seen := probed(t, probes, results.CarriedAll, func() {
			exchange(t, conn, 3) // before the slice: seen, not counted
			receives(t, pid)
			count(t, probes, true)
			exchange(t, conn, n)
			receives(t, pid)
			count(t, probes, false)
		})
		queued := n + 3
		if !options.Rung.SeesQueue() {
			queued = 0
		}
		checkSeries(t, slice, only(seen, results.Queued), queued, requestBytes)
		checkSeries(t, slice, only(seen, results.Taken), n+3, requestBytes)
		checkSeries(t, slice, only(seen, results.Answered), n+3, answerBytes)
	}
	loss, err := probes.Loss()
	if err != nil {
		t.Fatal(err)
	}
	if !loss.Reconciled || loss.Lost != 0 || loss.Seen == 0 {
		t.Errorf("accounts: %+v", *loss)
	}
	checkCalls(t, probes, map[string]int64{"recvfrom": 3 * n, "sendto": 3 * n})
}

// probed is what the probes of a slice see of some work.
func probed(t *testing.T, probes *Probes, carried results.Carried, work func()) []results.Observation {
	t.Helper()
	if err := probes.AttachFor(carried); err != nil {
		t.Fatal(err)
	}
	work()
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	seen, err := probes.Collect(nil)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// receives waits until the server is in its receive again. The client can have
// read an answer before the server's send of it returns, which is when the send
// counts: what is counted exactly begins and ends where the server is at rest.
func receives(t *testing.T, pid int) {
	t.Helper()
	resting := strconv.Itoa(unix.SYS_RECVFROM) + " "
	for range 10_000 {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		if err != nil || len(threads) == 0 {
			t.Fatalf("no thread of %d: %v", pid, err)
		}
		for _, thread := range threads {
			// "running", or the number of the call that a blocked thread is in.
			if call, err := os.ReadFile(thread); err == nil && strings.HasPrefix(string(call), resting) {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the server does not come back to its receive")
}

func only(all []results.Observation, kind results.ObservationKind) []results.Observation {
	var some []results.Observation
	for _, o := range all {
		if o.Kind == kind {
			some = append(some, o)
		}
	}
	// A thread that moves between CPUs leaves its records in several chunks.
	slices.SortFunc(some, func(a, b results.Observation) int { return cmp.Compare(a.Position, b.Position) })
	return some
}

// checkSeries holds that n events of equal size follow one another.
func checkSeries(t *testing.T, slice int, series []results.Observation, n, bytes int) {
	t.Helper()
	if len(series) != n {
		t.Errorf("slice %d: %d events, want %d", slice, len(series), n)
		return
	}
	for i := 1; i < n; i++ {
		before, o := series[i-1], series[i]
		if o.Position-before.Position != uint64(bytes) || int(o.Bytes) != bytes || o.At < before.At || o.Cookie != before.Cookie {
			t.Fatalf("slice %d, event %d: %+v follows %+v", slice, i, o, before)
		}
	}
}

func checkCalls(t *testing.T, probes *Probes, want map[string]int64) {
	t.Helper()
	tables, err := probes.Calls()
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		var inBuckets int64
		for _, bucket := range table.Buckets {
			inBuckets += bucket.Count
		}
		n, asked := want[table.Name]
		if asked && table.Calls != n {
			t.Errorf("%s: %d calls, want %d", table.Name, table.Calls, n)
		}
		// A call that the probes came upon has no duration: one a slice.
		if asked && (inBuckets > table.Calls || inBuckets < table.Calls-3) {
			t.Errorf("%s: %d calls, but %d durations", table.Name, table.Calls, inBuckets)
		}
		delete(want, table.Name)
	}
	if len(want) > 0 {
		t.Errorf("calls not seen: %v", want)
	}
}
