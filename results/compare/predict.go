// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// Predict puts what A's samples promised beside the change of CPU time a request; nil
// when A's run has no such samples.
func Predict(a *results.Copies, metrics []results.MetricChange) *results.Prediction {
	if a == nil || a.Samples == 0 {
		return nil
	}
	p := &results.Prediction{
		HeadroomPct: a.ZeroCopyHeadroomPct, BatchingPct: a.BatchingHeadroomPct, Interval: a.ZeroCopyInterval,
	}
	i := slices.IndexFunc(metrics, func(m results.MetricChange) bool { return m.Name == CPUPerRequest })
	if i >= 0 && metrics[i].ChangePct != nil && *metrics[i].ChangePct > -100 {
		more := 100 * (100/(100+*metrics[i].ChangePct) - 1)
		p.MeasuredPct = &more
	}
	return p
}
