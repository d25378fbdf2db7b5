// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"encoding/json"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

// stored is a run like any other.
func stored() *results.Result {
	p50, p99 := int64(100e3), int64(400e3)
	offered, achieved := 5000.0, 5001.0
	r := &results.Result{
		SchemaVersion: 1, Valid: true,
		Target: results.Target{Protocol: "ipc", NATS: &results.NATS{}},
		Environment: results.Environment{Kernel: "6.18.1", CPUModel: "X", CPUs: 4, Virtualised: true,
			Placement: results.Placement{TargetCPUs: []int{0, 1}, GeneratorCPUs: []int{1, 2}, SharedPct: 10}},
		Load: &results.Load{Loop: "open", Arrivals: "poisson", Connections: 4, Pipeline: 1, OfferedRPS: &offered,
			AchievedRPS: &achieved, AchievedRange: &[2]float64{4990, 5010}, PayloadBytes: 64},
		Latency: &results.Latency{
			ResponseTime: &results.Distribution{Count: 50000, P50: &p50, P99: &p99},
			P50Interval:  &[2]float64{99e3, 101e3}, P99Interval: &[2]float64{390e3, 410e3},
		},
		CPU: &results.CPU{NsPerRequest: 20e3},
		Syscalls: []results.Syscall{
			{Name: "recvfrom", CallsPerRequest: 2}, {Name: "sendto", CallsPerRequest: 1},
		},
	}
	for i := range 10 {
		r.Run.Slices = append(r.Run.Slices, results.RunSlice{Mode: "bare", Requests: 5000, CPUNs: 100e6 + int64(i)*1e5, P50: &p50, P99: &p99})
	}
	return r
}

func TestEachDifferenceIsNamed(t *testing.T) {
	rate, same := 6000.0, 5001.0
	for _, c := range []struct {
		what   string // empty: none is found
		change func(r *results.Result)
	}{
		{"", func(*results.Result) {}},
		{"", func(r *results.Result) { r.Load.OfferedRPS = &same }},
		{"", func(r *results.Result) { r.Environment.Placement.TargetCPUs = []int{1, 2, 3} }},
		{"", func(r *results.Result) { r.Target.PID, r.Target.Executable, r.Run.Name = 7, "/v2", "v2" }},
		{"rate", func(r *results.Result) { r.Load.OfferedRPS = &rate }},
		{"loop", func(r *results.Result) { r.Load.Loop, r.Load.OfferedRPS = "closed", nil }},
		{"arrivals", func(r *results.Result) { r.Load.Arrivals = "constant" }},
		{"connections", func(r *results.Result) { r.Load.Connections = 8 }},
		{"pipeline", func(r *results.Result) { r.Load.Pipeline = 2 }},
		{"batch by batch", func(r *results.Result) { r.Load.Batch = true }},
		{"payload", func(r *results.Result) { r.Load.PayloadBytes = 65 }},
		{"kinds of requests", func(r *results.Result) { r.Load.Kinds = []results.KindLoad{{Name: "ping", SharePct: 100}} }},
		{"load", func(r *results.Result) { r.Load = nil }},
		{"protocol", func(r *results.Result) { r.Target.Protocol = "http" }},
		{"upstream", func(r *results.Result) { r.Target.NATS = nil }},
		{"kernel", func(r *results.Result) { r.Environment.Kernel = "6.18.2" }},
		{"CPU model", func(r *results.Result) { r.Environment.CPUModel = "Y" }},
		{"CPUs", func(r *results.Result) { r.Environment.CPUs = 8 }},
		{"virtual machine", func(r *results.Result) { r.Environment.Virtualised = false }},
		{"placement of the server", func(r *results.Result) { r.Environment.Placement.TargetCPUs = []int{0} }},
		{"placement of the server", func(r *results.Result) { r.Environment.Placement.TargetCPUs = []int{2, 3} }},
		{"placement of the client", func(r *results.Result) { r.Environment.Placement.GeneratorCPUs = []int{3} }},
		{"client and server on one CPU", func(r *results.Result) { r.Environment.Placement.SharedPct = 90 }},
		{"figures quoted from", func(r *results.Result) { r.Run.Slices = []results.RunSlice{{Mode: "probed"}} }},
	} {
		b := stored()
		c.change(b)
		got := Differ(stored(), b)
		switch {
		case c.what == "" && len(got) > 0:
			t.Errorf("want no difference, got %v", got)
		case c.what != "" && (len(got) != 1 || got[0].What != c.what || got[0].A == got[0].B):
			t.Errorf("want %s alone, got %v", c.what, got)
		}
		if back := Differ(b, stored()); len(back) != len(got) {
			t.Errorf("%s: %d differences one way and %d the other", c.what, len(got), len(back))
		}
	}
}

func TestStoredRunsAreJudged(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *results.Result)
		want   results.Verdict
	}{
		{"the same", func(*results.Result) {}, results.Pass},
		{"slower by far", func(r *results.Result) {
			*r.Latency.ResponseTime.P50, r.Latency.P50Interval = 130e3, &[2]float64{128e3, 132e3}
		}, results.Regression},
		{"faster", func(r *results.Result) {
			*r.Latency.ResponseTime.P50, r.Latency.P50Interval = 80e3, &[2]float64{79e3, 81e3}
		}, results.Improved},
		{"slower, within what two runs differ by", func(r *results.Result) {
			*r.Latency.ResponseTime.P50, r.Latency.P50Interval = 104e3, &[2]float64{103e3, 105e3}
		}, results.Pass},
		{"slower, nobody knows", func(r *results.Result) {
			*r.Latency.ResponseTime.P50, r.Latency.P50Interval = 120e3, &[2]float64{90e3, 160e3}
		}, results.Inconclusive},
		{"one system call more", func(r *results.Result) { r.Syscalls[0].CallsPerRequest = 3 }, results.Regression},
		{"more CPU", func(r *results.Result) {
			r.CPU.NsPerRequest *= 1.3
		}, results.Regression},
	} {
		b := stored()
		p50 := *b.Latency.ResponseTime.P50
		b.Latency.ResponseTime.P50 = &p50
		c.change(b)
		metrics := Runs(stored(), b)
		JudgeRuns(metrics, Gates(RunMargin))
		if v, reason := Sum(metrics); v != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, v, reason, c.want)
		}
	}
}

// Whatever two result files hold, comparing them gives figures that can be written.
func FuzzRuns(f *testing.F) {
	whole, err := json.Marshal(stored())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, whole)
	f.Add([]byte(`{"latency":{"response_time":{"p50":9223372036854775807},"response_time_p50_interval":[1e-308,1e308]}}`),
		[]byte(`{"latency":{"response_time":{"p50":1},"response_time_p50_interval":[5e-324,1.7e308]}}`))
	f.Add([]byte(`{"cpu":{"ns_per_request":5e-324},"load":{"loop":"closed","achieved_rps":1e308},"run":{"slices":[{"mode":"bare","cpu_ns":1,"requests":-1}]}}`),
		[]byte(`{"cpu":{"ns_per_request":1e308},"load":{"loop":"closed","achieved_rps":-1},"legs":{"queue_wait":{"mean":-3}}}`))
	f.Add([]byte(`{"syscalls":[{"name":"x","calls_per_request":-0.01,"bytes_per_call":-1},{"name":"x","calls_per_request":1e308}]}`), []byte(`{"memory":{"faults_per_request":-1}}`))
	f.Fuzz(func(t *testing.T, left, right []byte) {
		var a, b results.Result
		if json.Unmarshal(left, &a) != nil || json.Unmarshal(right, &b) != nil {
			return
		}
		Differ(&a, &b)
		metrics := Runs(&a, &b)
		JudgeRuns(metrics, Gates(RunMargin))
		Explain(metrics)
		Sum(metrics)
		Predict(a.Copies, metrics)
		if _, err := json.Marshal(metrics); err != nil {
			t.Fatal(err)
		}
	})
}
