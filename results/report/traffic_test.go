// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// othersClients is a run that watched others' clients, some of which can't be timed.
func othersClients() *results.Result {
	h := healthy()
	r := &results.Result{SchemaVersion: results.SchemaVersion, Valid: true, Tool: h.Tool, Run: h.Run, Target: h.Target,
		Environment: h.Environment, Syscalls: h.Syscalls, CPU: h.CPU, Memory: h.Memory, Overhead: h.Overhead, Loss: h.Loss}
	r.Target.Protocol = ""
	r.Traffic = &results.Traffic{
		AnswersRPS: ptr(148_203.4), Answers: 412_345, Timed: 401_111, TimedPct: 97.27,
		Untimed:        map[string]int64{"pipelined": 11_000, "streamed": 234},
		Connections:    results.TrafficConnections{Seen: 50, Pipelined: 2, Streamed: 1},
		SendsPerAnswer: 1.02, ReceivesPerAnswer: 1, BytesInPerAnswer: 36, BytesOutPerAnswer: 5.01, SeveralSends: 8_000, SeveralPieces: 12,
		Backlog: &results.Backlog{Looks: 90, Connections: 50, Waiting: 3, WaitingLimit: 511, QueuedBytes: 1800, QueuedConnections: 40},
	}
	r.Legs = &results.Legs{QueueWait: spread(71, 401_000, 20_000, 0.4), ServiceTime: spread(72, 401_111, 6_800, 0.3),
		ServiceOnCPUUser: spread(73, 401_111, 2_200, 0.3), ServiceOnCPUKernel: spread(74, 401_111, 4_000, 0.3),
		ServiceBlocked: spread(75, 401_111, 0, 0), UpstreamWait: spread(76, 401_111, 0, 0), ServiceRunQueue: spread(77, 401_111, 300, 0.5)}
	return r
}

// silent is a run in which nobody used the server.
func silent() *results.Result {
	r := othersClients()
	r.Traffic = &results.Traffic{AnswersRPS: ptr(0.0)}
	r.Legs, r.Syscalls = nil, nil
	r.Warnings = []string{"no answer was seen"}
	return r
}

// doubtful is one that must not be quoted.
func doubtful() *results.Result {
	r := othersClients()
	r.Invalidate("the kernel could not hand out 5 of 100 events")
	return r
}

func TestARunWithoutLoadHasNoSectionForWhatOnlyAClientKnows(t *testing.T) {
	text := checkText(t, othersClients(), Style{Unicode: true})
	for _, absent := range []string{"Throughput", "Response time", "joined", "Not measured"} {
		if strings.Contains(text, absent) {
			t.Errorf("it says %q:\n%s", absent, text)
		}
	}
	for _, present := range []string{"148,000 requests/s", "2 sent more before they were answered", "queue wait", "most is", "3 of 511 waiting"} {
		if !strings.Contains(text, present) {
			t.Errorf("it does not say %q:\n%s", present, text)
		}
	}
}

func TestAnInvalidRunWithoutLoadQuotesNoRate(t *testing.T) {
	text := checkText(t, doubtful(), Style{Unicode: true})
	if strings.Contains(text, "148,0") || !strings.Contains(text, "INVALID") {
		t.Errorf("a rate is quoted:\n%s", text)
	}
}
