// SPDX-License-Identifier: Apache-2.0

package limit

import (
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// leakUnit is the unit of the one metric that is judged by its verdict.
const leakUnit = "bytes/1000 requests"

// metric is a figure that can be limited.
type metric struct {
	name    string
	unit    string
	more    bool   // the larger the better
	example string // a value
	figure  func(r *results.Result) (v float64, why string)
}

// metrics are all of them, in the order in which they are listed.
var metrics = []metric{
	{name: "throughput", unit: "requests/s", more: true, example: "5000", figure: throughput},
	{name: "p50", unit: "ns", example: "1ms", figure: response((*quantiles).p50)},
	{name: "p90", unit: "ns", example: "2ms", figure: response((*quantiles).p90)},
	{name: "p95", unit: "ns", example: "5ms", figure: response((*quantiles).p95)},
	{name: "p99", unit: "ns", example: "10ms", figure: response((*quantiles).p99)},
	{name: "p99_9", unit: "ns", example: "20ms", figure: response((*quantiles).p999)},
	{name: "p99_99", unit: "ns", example: "50ms", figure: response((*quantiles).p9999)},
	{name: "mean", unit: "ns", example: "1ms", figure: response((*quantiles).mean)},
	{name: "max", unit: "ns", example: "100ms", figure: response((*quantiles).max)},
	{name: "queue_wait_p99", unit: "ns", example: "5ms", figure: leg(func(l *results.Legs) *results.Distribution { return l.QueueWait })},
	{name: "service_time_p99", unit: "ns", example: "5ms", figure: leg(func(l *results.Legs) *results.Distribution { return l.ServiceTime })},
	{name: "reply_delivery_p99", unit: "ns", example: "1ms", figure: leg(func(l *results.Legs) *results.Distribution { return l.ReplyDelivery })},
	{name: "errors", unit: "percent", example: "0.1%", figure: failures},
	{name: "cpu", unit: "percent", example: "30%", figure: utilisation},
	{name: "cpu_per_request", unit: "ns", example: "50us", figure: cpuPerRequest},
	{name: "syscalls_per_request", unit: "1", example: "6", figure: syscalls},
	{name: "rss", unit: "bytes", example: "50MB", figure: memory(func(m *results.Memory) int64 { return m.RSSPeakBytes })},
	{name: "rss_final", unit: "bytes", example: "50MB", figure: memory(func(m *results.Memory) int64 { return m.RSSFinalBytes })},
	{name: "rss_growth", unit: "bytes", example: "1MB", figure: memory(func(m *results.Memory) int64 { return m.RSSFinalBytes - m.RSSBaselineBytes })},
	{name: "faults_per_request", unit: "1", example: "0.5", figure: faults},
	{name: "leak", unit: leakUnit, example: "none"},
}

// aliases are other names that people use.
var aliases = map[string]string{
	"rps": "throughput", "p99.9": "p99_9", "p99.99": "p99_99", "p999": "p99_9", "p9999": "p99_99",
	"rss_peak": "rss", "memory": "rss", "failed": "errors",
}

// Metrics lists the names of all figures that can be limited.
func Metrics() []string {
	names := make([]string, len(metrics))
	for i, m := range metrics {
		names[i] = m.name
	}
	return names
}

func find(name string) (metric, bool) {
	name = strings.ToLower(name)
	if other, ok := aliases[name]; ok {
		name = other
	}
	for _, m := range metrics {
		if m.name == name {
			return m, true
		}
	}
	return metric{}, false
}
