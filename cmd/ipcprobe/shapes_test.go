// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// shape is a server of some build, and what is asked of it.
type shape struct {
	program   string
	args      []string
	load      []string
	family    bool
	warns     string // a part of the warning that must come; empty: none need
	receivers int    // threads that receive at least; 0: the server makes no calls for it
	nameless  bool   // the server can't tell its clients apart
	loose     bool   // the server's own stamps stand at other moments
}

var shapes = map[string]shape{
	"a thread for each connection":       {program: "shapeserver", receivers: 1, args: []string{"--shape", "threads", "--workers", "3"}, load: []string{"--connections", "6"}},
	"any thread for any connection":      {program: "shapeserver", receivers: 1, args: []string{"--shape", "oneshot", "--workers", "3"}, load: []string{"--connections", "3"}},
	"one connection, many threads":       {program: "shapeserver", receivers: 1, args: []string{"--shape", "oneshot", "--workers", "3"}, load: []string{"--connections", "1", "--pipeline", "4"}},
	"an acceptor and workers":            {program: "shapeserver", receivers: 1, args: []string{"--shape", "acceptor", "--workers", "3"}, load: []string{"--connections", "6", "--pipeline", "2"}},
	"one thread takes, another answers":  {program: "shapeserver", receivers: 1, args: []string{"--shape", "handover"}, load: []string{"--connections", "2"}},
	"forked workers":                     {program: "shapeserver", receivers: 1, args: []string{"--shape", "fork", "--workers", "3"}, load: []string{"--connections", "6"}, family: true},
	"workers forked during the run":      {program: "shapeserver", receivers: 3, args: []string{"--shape", "successor", "--successor", "3000"}, load: []string{"--connections", "2", "--rate", "8000"}, family: true},
	"datagrams":                          {program: "shapeserver", receivers: 1, args: []string{"--type", "dgram"}, load: []string{"--connections", "5", "--pipeline", "2"}, nameless: true},
	"seqpacket":                          {program: "shapeserver", receivers: 1, args: []string{"--shape", "threads", "--type", "seqpacket"}, load: []string{"--connections", "3", "--pipeline", "4"}},
	"io_uring":                           {program: "uringserver", args: []string{"--shape", "plain"}, load: []string{"--connections", "1"}, warns: "io_uring_enter"},
	"io_uring, pipelined":                {program: "uringserver", args: []string{"--shape", "plain"}, load: []string{"--connections", "8", "--pipeline", "4"}, warns: "io_uring_enter", loose: true},
	"io_uring, seqpacket":                {program: "uringserver", args: []string{"--shape", "plain", "--type", "seqpacket"}, load: []string{"--connections", "1"}, warns: "io_uring_enter"},
	"io_uring, the kernel's own workers": {program: "uringserver", args: []string{"--shape", "async"}, load: []string{"--connections", "2"}, warns: "threads of io_uring's own", loose: true},
	"io_uring, a polling thread":         {program: "uringserver", args: []string{"--shape", "sqpoll"}, load: []string{"--connections", "2"}, warns: "SQPOLL", loose: true},
}

// Whatever a server's shape, its requests are joined, and the service time of each
// is what the server's own stamps say.
func TestServersOfOtherShapes(t *testing.T) {
	kerneltest.Privileged(t)
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "stamps")
			server, _ := startPeer(t, s.program, append(s.args, "--busy-us", "20", "--log", log)...)
			m, joined := measureHere(t, server.Pid, s.family, s.load...)
			checkAccounts(t, m)
			checkWarning(t, m.warnings, s.warns)
			checkThreads(t, m, s.receivers)
			if code := server.Stop(); code != 0 {
				t.Fatalf("the server ended with %d:\n%s", code, server.Output())
			}
			stamps, err := peer.ReadStamps(log)
			if err != nil {
				t.Fatal(err)
			}
			if n := m.totals.Counts.OK; int64(len(stamps)) != n {
				t.Errorf("the server answered %d requests, the load counts %d", len(stamps), n)
			}
			differences := serviceDifferences(t, joined, stamps, s.nameless)
			median := differences[len(differences)/2]
			t.Logf("%d joined; difference to the server's own service times: median %d ns, p99 %d ns", len(joined), median, differences[len(differences)*99/100])
			if limit := int64(2000); !s.loose && median > limit {
				t.Errorf("median difference %d ns, want at most %d", median, limit)
			}
			// 20 µs of work in each request, whoever carried out what stands around it.
			service := make([]int64, len(joined))
			for i := range joined {
				service[i] = joined[i].ServiceTime()
			}
			slices.Sort(service)
			if got := service[len(service)/2]; got < 20_000 {
				t.Errorf("median service time %d ns, and each request takes 20 µs", got)
			}
		})
	}
}

// checkAccounts holds the two identities and that next to nothing went unmatched.
func checkAccounts(t *testing.T, m *measurement) {
	t.Helper()
	a := m.join
	sum := a.Matched + a.Outside + a.Unfinished
	for _, n := range a.Unmatched {
		sum += n
	}
	if a.Input != sum || a.Input == 0 {
		t.Errorf("of %d requests %d are accounted for: %+v", a.Input, sum, a)
	}
	if got := a.Result(); got.MatchedPct < 99.9 {
		t.Errorf("matched %.3f %%: %v", got.MatchedPct, got.Unmatched)
	}
	if !m.loss.Reconciled || m.loss.Lost != 0 {
		t.Errorf("accounts: %+v", m.loss)
	}
}

// checkThreads holds that the calls by thread are the calls, but for those that
// began before the probes came on, and that all who receive are among them.
func checkThreads(t *testing.T, m *measurement, receivers int) {
	t.Helper()
	found := 0
	for _, call := range m.calls {
		var sum int64
		for _, thread := range call.Threads {
			sum += thread.Calls
		}
		if begun := int64(len(m.slices) * (m.server.target.Threads + 64)); sum > call.Calls || sum < call.Calls-begun {
			t.Errorf("%s: %d calls, %d by thread", call.Name, call.Calls, sum)
		}
		if call.Name == "recvfrom" {
			found = len(call.Threads)
		}
	}
	if found < receivers {
		t.Errorf("%d threads receive, want %d", found, receivers)
	}
}

func checkWarning(t *testing.T, warnings []string, want string) {
	t.Helper()
	if want != "" && !slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, want) }) {
		t.Errorf("no warning says %q: %q", want, warnings)
	}
}

// serviceDifferences is by how much each service time differs from the server's
// own, smallest first.
func serviceDifferences(t *testing.T, joined []results.Joined, stamps []peer.Stamp, nameless bool) []int64 {
	t.Helper()
	own := logged(stamps)
	slices.SortFunc(stamps, func(a, b peer.Stamp) int { return cmp.Compare(a.ReceivedNs, b.ReceivedNs) })
	var differences []int64
	for i := range joined {
		j := &joined[i]
		s, ok := own[place{j.Conn, j.InEnd}]
		if nameless {
			s, ok = receivedAt(stamps, j.Taken)
		}
		if !ok {
			t.Fatalf("the server did not log the answer that ends at %d of connection %d", j.InEnd, j.Conn)
		}
		differences = append(differences, apart(j.ServiceTime(), int64(s.SendingNs-s.ReceivedNs)))
	}
	slices.Sort(differences)
	return differences
}

// receivedAt is the first stamp of a receive that returned at a moment or behind it,
// as the server's own stamp of it must.
func receivedAt(stamps []peer.Stamp, at int64) (peer.Stamp, bool) {
	i, _ := slices.BinarySearchFunc(stamps, at, func(s peer.Stamp, at int64) int { return cmp.Compare(int64(s.ReceivedNs), at) })
	if i == len(stamps) {
		return peer.Stamp{}, false
	}
	return stamps[i], true
}

// A child that is not followed is not silently left out.
func TestChildrenThatAreNotFollowedAreTold(t *testing.T) {
	kerneltest.Privileged(t)
	server, _ := startPeer(t, "shapeserver", "--shape", "fork")
	m, _ := watchHere(t, server.Pid, false, "--connections", "2")
	checkWarning(t, m.warnings, "--children follows them")
	if m.family == nil || m.family.Processes != 2 || m.family.Followed {
		t.Errorf("family: %+v", m.family)
	}
	if r := assemble(m); r.Valid {
		t.Errorf("the result is valid, with %+v", r.Join)
	}
}
