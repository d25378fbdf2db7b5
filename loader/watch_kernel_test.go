// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

// watched counts what a client that the probes don't know does with the server.
func watched(t *testing.T, probes *Probes, drive func()) results.Flows {
	t.Helper()
	before, err := probes.Flows()
	if err != nil {
		t.Fatal(err)
	}
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	count(t, probes, true)
	drive()
	count(t, probes, false)
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	after, err := probes.Flows()
	if err != nil {
		t.Fatal(err)
	}
	flows := after.Since(&before)
	if flows.Answers != flows.Timed+flows.Pipelined+flows.Streamed+flows.Unclear {
		t.Errorf("answers are not timed + pipelined + streamed + unclear: %s", inBrief(flows))
	}
	for leg := range flows.Legs {
		checkLeg(t, results.FlowLeg(leg), &flows.Legs[leg], flows.Timed)
	}
	loss, err := probes.Loss()
	if err != nil {
		t.Fatal(err)
	}
	if !loss.Reconciled || loss.Lost != 0 {
		t.Errorf("accounts: %+v", *loss)
	}
	return flows
}

// inBrief is all but the legs, which are a thousand buckets.
func inBrief(flows results.Flows) string {
	flows.Legs = [results.FlowLegs]results.FlowSum{}
	return fmt.Sprintf("%+v", flows)
}

// checkLeg holds that a leg's buckets add up to its count, and that no more was
// counted than timed.
func checkLeg(t *testing.T, leg results.FlowLeg, sum *results.FlowSum, timed int64) {
	t.Helper()
	var inBuckets, least int64
	for _, bucket := range sum.Buckets {
		inBuckets += bucket.Count
		least += bucket.Count * bucket.Low
	}
	if inBuckets != sum.Count || sum.Count > timed || sum.TotalNs < least {
		t.Errorf("leg %d: %d counted, %d in buckets, %d timed, %d ns of at least %d", leg, sum.Count, inBuckets, timed, sum.TotalNs, least)
	}
	if leg == results.FlowService && sum.Count != timed {
		t.Errorf("%d service times of %d exchanges", sum.Count, timed)
	}
}

func TestExchangesOfAnAlternatingClientAreTimed(t *testing.T) {
	onEachRung(t, exchangesOfAnAlternatingClientAreTimed)
}

func exchangesOfAnAlternatingClientAreTimed(t *testing.T, rung Rung) {
	pid, conn := startServer(t)
	probes := open(t, Options{Rung: rung, Target: pid, Watch: true})
	const n = 997
	for slice := range 3 {
		exchange(t, conn, 5) // bare
		receives(t, pid)
		flows := watched(t, probes, func() { exchange(t, conn, n); receives(t, pid) })
		if flows.Answers != n || flows.Timed != n || flows.Sends != n || flows.Receives != n ||
			flows.BytesIn != n*requestBytes || flows.BytesOut != n*answerBytes || flows.Pushes+flows.Parts+flows.Pieces != 0 {
			t.Errorf("slice %d: %s", slice, inBrief(flows))
		}
		// The first request came while the connection was not yet known.
		least := int64(n - 1)
		if !rung.SeesQueue() {
			least = 0
		}
		if waits := flows.Legs[results.FlowQueueWait].Count; waits < least || waits > n*least {
			t.Errorf("slice %d: %d queue waits of %d exchanges", slice, waits, n)
		}
		if flows.Connections != 1 || flows.PipelinedConnections != 0 {
			t.Errorf("slice %d: %d connections, %d pipelined", slice, flows.Connections, flows.PipelinedConnections)
		}
	}
	checkCalls(t, probes, map[string]int64{"recvfrom": 3 * n, "sendto": 3 * n})
}

func TestAPipelinedConnectionIsCountedAndNotTimed(t *testing.T) {
	onEachRung(t, aPipelinedConnectionIsCountedAndNotTimed)
}

func aPipelinedConnectionIsCountedAndNotTimed(t *testing.T, rung Rung) {
	pid, conn := startServer(t)
	probes := open(t, Options{Rung: rung, Target: pid, Watch: true})
	const rounds, depth = 50, 8
	flows := watched(t, probes, func() {
		request, answers := make([]byte, depth*requestBytes), make([]byte, depth*answerBytes)
		for range rounds {
			if _, err := conn.Write(request); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, answers); err != nil {
				t.Fatal(err)
			}
		}
		receives(t, pid)
	})
	if flows.Answers != rounds*depth || flows.PipelinedConnections != 1 {
		t.Error(inBrief(flows))
	}
	// It is found out by its fourth unread request; the last of a batch is unsuspicious.
	if flows.Timed > 2 {
		t.Errorf("%d of %d exchanges were timed", flows.Timed, flows.Answers)
	}
}

func TestAPauseBetweenARequestsPiecesIsNoServiceTime(t *testing.T) {
	onEachRung(t, aPauseBetweenARequestsPiecesIsNoServiceTime)
}

func aPauseBetweenARequestsPiecesIsNoServiceTime(t *testing.T, rung Rung) {
	pid, conn := startServer(t)
	probes := open(t, Options{Rung: rung, Target: pid, Watch: true})
	const n, pause = 20, 5 * time.Millisecond
	flows := watched(t, probes, func() {
		answer := make([]byte, answerBytes)
		for range n {
			for range 2 {
				time.Sleep(pause)
				if _, err := conn.Write(make([]byte, requestBytes/2)); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := io.ReadFull(conn, answer); err != nil {
				t.Fatal(err)
			}
		}
		receives(t, pid)
	})
	service, wait := flows.Legs[results.FlowService], flows.Legs[results.FlowQueueWait]
	if flows.Timed != n || service.TotalNs >= n*pause.Nanoseconds() || wait.TotalNs >= n*pause.Nanoseconds() {
		t.Errorf("%d timed, %d ns of service, %d ns of queue wait", flows.Timed, service.TotalNs, wait.TotalNs)
	}
}

func TestTheLeanCounterCountsAnswersAndNothingElse(t *testing.T) {
	onEachRung(t, theLeanCounterCountsAnswersAndNothingElse)
}

func theLeanCounterCountsAnswersAndNothingElse(t *testing.T, rung Rung) {
	pid, conn := startServer(t)
	probes := open(t, Options{Rung: rung, Target: pid, Watch: true})
	exchange(t, conn, 11)
	if err := probes.AttachLean(); err != nil {
		t.Fatal(err)
	}
	exchange(t, conn, 499)
	receives(t, pid)
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	exchange(t, conn, 13)
	sends, err := probes.Sends()
	if err != nil {
		t.Fatal(err)
	}
	flows, err := probes.Flows()
	if err != nil {
		t.Fatal(err)
	}
	if sends != 499 || flows.Answers != 0 || flows.Sends != 0 {
		t.Errorf("%d sends, want 499; %s", sends, inBrief(flows))
	}
	if flows := watched(t, probes, func() { exchange(t, conn, 100); receives(t, pid) }); flows.Timed != 100 {
		t.Errorf("after the lean slice: %s", inBrief(flows))
	}
}
