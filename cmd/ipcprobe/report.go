// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/record"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

func newReport(stdout io.Writer) *cobra.Command {
	format := "text"
	command := &cobra.Command{
		Use:   "report FILE",
		Short: "Print the report of a record that load --record has written",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkFormat(format); err != nil {
				return err
			}
			r, causes, err := readRecord(args[0])
			if err != nil {
				return err
			}
			if format == "json" {
				err = report.JSON(stdout, r)
			} else {
				err = report.LoadText(stdout, r, causes, styleOf(stdout))
			}
			if err != nil {
				return err
			}
			return verdict(c.Context(), r)
		},
	}
	command.Flags().StringVar(&format, "format", format, "what goes to standard output: text or json")
	return command
}

// readRecord makes the result of a record, and how its connections ended.
func readRecord(path string) (*results.Result, map[string]int64, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	rec, err := record.Load(bufio.NewReaderSize(file, 256<<10))
	if errors.Is(err, record.ErrFormat) {
		return nil, nil, fmt.Errorf("%s: %w; load --record writes records", path, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", path, err)
	}
	return resultOfRecord(rec), rec.End.Endings, nil
}

// resultOfRecord makes the result that the load had printed. The figures come
// from the requests; what the requests don't tell comes from the record's end.
func resultOfRecord(rec *record.Recording) *results.Result {
	h, end := &rec.Header, &rec.End
	s := &load.Summary{
		Options: load.Options{
			Socket: h.Socket, Protocol: h.Protocol, Connections: h.Connections, Pipeline: h.Pipeline,
			Rate: h.Rate, Arrivals: h.Arrivals, Seed: h.Seed, MaxErrors: h.MaxErrors,
			Warmup: time.Duration(h.WarmupNs),
		},
		Totals: load.Totals{
			Counts: end.Counts, Endings: end.Endings, Answers: end.Answers, Held: end.Held,
			OwnLagP99: end.OwnLagP99, Dropped: end.Dropped,
		},
		Partial: end.Partial, EndedBy: end.EndedBy, Warnings: end.Warnings,
	}
	for _, slice := range rec.Slices {
		if slice.Mode == results.Bare {
			s.Slice = slice
		}
	}
	if !rec.Whole {
		s.Partial, s.EndedBy = true, "the record is cut off"
		s.Totals.Counts = countsOf(rec.Slices)
		s.Totals.OwnLagP99 = math.MaxInt64 // all lateness counts as its own
		s.Warnings = append(s.Warnings, "the record is cut off: the figures are of what is there, and all lateness counts as the generator's own")
	}
	if end.Dropped > 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("%d requests are not in the record: they could not be written as fast as they came", end.Dropped))
	}
	client := stats.Merge([]results.Slice{s.Slice}, results.Bare)
	l := clientLoad(&s.Options, client, s.Totals.Counts, time.Duration(s.Slice.End-s.Slice.Start))
	l.PayloadBytes, l.Kinds = h.Payload, nil
	if len(h.Kinds) > 1 {
		for _, k := range h.Kinds {
			l.Kinds = append(l.Kinds, results.KindLoad{Name: k.Name, SharePct: k.SharePct, PayloadBytes: k.Payload})
		}
	}
	return resultOfClient(s, client, l, origin{h.Tool, h.StartedAt, h.Command, h.Environment})
}

func countsOf(list []results.Slice) results.Counts {
	var c results.Counts
	for i := range list {
		c.Add(list[i].Counts())
	}
	return c
}
