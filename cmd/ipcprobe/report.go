// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/record"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/stats"
	"github.com/ipcprobe/ipcprobe/results/store"
)

func newReport(stdout, stderr io.Writer) *cobra.Command {
	format := "text"
	command := &cobra.Command{
		Use:   "report RUN|FILE",
		Short: "Print the report of a stored run, or of a record that --record has written",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(reportFormats, format) {
				return fmt.Errorf("--format is %q; it must be %s", format, strings.Join(reportFormats, ", "))
			}
			r, err := printReport(stdout, stderr, args[0], format)
			if err != nil {
				return err
			}
			return verdict(c.Context(), r)
		},
	}
	command.Flags().StringVar(&format, "format", format, "what goes to standard output: text, json, markdown or html")
	return command
}

var reportFormats = []string{"text", "json", "markdown", "html"}

// printReport lays out anew what path holds: the folder of a run, its result.json,
// or a record.
func printReport(stdout, stderr io.Writer, path, format string) (*results.Result, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && filepath.Base(path) != store.ResultFile {
		return printRecord(stdout, path, format)
	}
	r, material, files, err := readRun(path, stderr)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	switch format {
	case "json":
		err = report.JSON(stdout, r)
	case "markdown":
		err = report.Markdown(stdout, r)
	case "html":
		err = report.HTML(stdout, r, material)
	default:
		err = report.Text(stdout, r, styleOf(stdout))
	}
	return r, err
}

func printRecord(stdout io.Writer, path, format string) (*results.Result, error) {
	if format != "text" && format != "json" {
		return nil, fmt.Errorf("--format %s is for the folder of a run; a record has text and json", format)
	}
	r, causes, err := readRecord(path)
	if err != nil {
		return nil, err
	}
	if format == "json" {
		return r, report.JSON(stdout, r)
	}
	return r, report.LoadText(stdout, r, causes, styleOf(stdout))
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
			Socket: h.Socket, Protocol: h.Protocol, Connections: h.Connections, Pipeline: h.Pipeline, Batch: h.Batch,
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
