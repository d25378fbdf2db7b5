// SPDX-License-Identifier: Apache-2.0

package limit

import "github.com/ipcprobe/ipcprobe/results"

// quantiles reads one figure of a distribution; nil where it isn't quoted.
type quantiles results.Distribution

func (d *quantiles) p50() *float64   { return float(d.P50) }
func (d *quantiles) p90() *float64   { return float(d.P90) }
func (d *quantiles) p95() *float64   { return float(d.P95) }
func (d *quantiles) p99() *float64   { return float(d.P99) }
func (d *quantiles) p999() *float64  { return float(d.P999) }
func (d *quantiles) p9999() *float64 { return float(d.P9999) }
func (d *quantiles) max() *float64   { return float(&d.Max) }
func (d *quantiles) mean() *float64  { return &d.Mean }

func float(v *int64) *float64 {
	if v == nil {
		return nil
	}
	f := float64(*v)
	return &f
}

// Why a figure is not there.
const (
	tooFew  = "too few requests stand behind it"
	unknown = "it was not measured"
)

// response gives a figure of the response time; of the bare slices.
func response(of func(*quantiles) *float64) func(*results.Result) (float64, string) {
	return func(r *results.Result) (float64, string) {
		if r.Latency == nil || r.Latency.ResponseTime == nil || r.Latency.ResponseTime.Count == 0 {
			return 0, unknown
		}
		return quoted(of((*quantiles)(r.Latency.ResponseTime)))
	}
}

// leg gives the p99 of a leg; of the joined requests of probed slices.
func leg(of func(*results.Legs) *results.Distribution) func(*results.Result) (float64, string) {
	return func(r *results.Result) (float64, string) {
		if r.Legs == nil || of(r.Legs) == nil {
			return 0, unknown
		}
		return quoted((*quantiles)(of(r.Legs)).p99())
	}
}

func quoted(v *float64) (float64, string) {
	if v == nil {
		return 0, tooFew
	}
	return *v, ""
}

func throughput(r *results.Result) (float64, string) {
	if r.Traffic != nil && r.Traffic.AnswersRPS != nil {
		return *r.Traffic.AnswersRPS, ""
	}
	if r.Load == nil || r.Load.AchievedRPS == nil {
		return 0, unknown
	}
	return *r.Load.AchievedRPS, ""
}

func failures(r *results.Result) (float64, string) {
	if r.Load == nil {
		return 0, unknown
	}
	ended := r.Load.Requests.OK + r.Load.Requests.Failed()
	if ended == 0 {
		return 0, "no request ended"
	}
	return 100 * float64(r.Load.Requests.Failed()) / float64(ended), ""
}

func utilisation(r *results.Result) (float64, string) {
	if r.CPU == nil {
		return 0, unknown
	}
	return r.CPU.UtilisationPct, ""
}

func cpuPerRequest(r *results.Result) (float64, string) {
	if r.CPU == nil || r.CPU.NsPerRequest == 0 {
		return 0, unknown
	}
	return r.CPU.NsPerRequest, ""
}

func syscalls(r *results.Result) (float64, string) {
	if len(r.Syscalls) == 0 {
		return 0, unknown
	}
	var sum float64
	for i := range r.Syscalls {
		sum += r.Syscalls[i].CallsPerRequest
	}
	return sum, ""
}

func memory(of func(*results.Memory) int64) func(*results.Result) (float64, string) {
	return func(r *results.Result) (float64, string) {
		if r.Memory == nil {
			return 0, unknown
		}
		return float64(of(r.Memory)), ""
	}
}

func faults(r *results.Result) (float64, string) {
	if r.Memory == nil || r.Memory.FaultsPerRequest == nil {
		return 0, unknown
	}
	return *r.Memory.FaultsPerRequest, ""
}
