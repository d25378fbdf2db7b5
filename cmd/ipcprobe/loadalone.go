// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"time"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// loadAlone makes a load and prints the client's part of the report.
func loadAlone(ctx context.Context, o *load.Options, stdout, stderr io.Writer) error {
	summary, err := load.Run(ctx, *o, nil)
	if err != nil {
		return err
	}
	_ = stderr
	_ = time.Now
	slices := []results.Slice{summary.Slice}
	client := stats.Merge(slices, results.Bare)
	r := &results.Result{SchemaVersion: results.SchemaVersion, Valid: true}
	r.Latency = client.Latency()
	return report.LoadText(stdout, r, summary.Totals.Endings, styleOf(stdout))
}
