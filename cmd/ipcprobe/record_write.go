// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/load"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/record"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// recordFile is the file that --record names, while it is written.
type recordFile struct {
	*record.Writer
	path string
	file *store.File
	out  *bufio.Writer
}

// createRecord starts the record of a load. A file that is there is left alone,
// and a link is not followed.
func createRecord(path string, o *load.Options, began time.Time) (*recordFile, error) {
	uid, gid := callingUser()
	file, err := store.CreateFile(path, store.Options{UID: uid, GID: gid})
	if err != nil {
		return nil, fmt.Errorf("--record: %w", err)
	}
	r := &recordFile{path: path, file: file, out: bufio.NewWriterSize(file, 256<<10)}
	if r.Writer, err = record.NewWriter(r.out, recordHeader(o, began)); err != nil {
		r.discard()
		return nil, fmt.Errorf("--record %s: %w", path, err)
	}
	return r, nil
}

func recordHeader(o *load.Options, began time.Time) record.Header {
	payload, _ := o.PayloadSize() // checked with the flags
	h := record.Header{
		Tool:      results.Tool{Version: version, Commit: commit},
		StartedAt: began.UTC().Format(time.RFC3339), Command: os.Args,
		Environment: gateway.ReadEnvironment(),
		Socket:      o.Socket, Protocol: o.Protocol,
		Connections: o.Connections, Pipeline: o.Pipeline, Batch: o.Batch, Rate: o.Rate, Arrivals: o.Arrivals,
		Seed: o.Seed, WarmupNs: o.Warmup.Nanoseconds(), MaxErrors: o.MaxErrors, Payload: payload,
	}
	kinds, _ := o.Kinds()
	for _, k := range kinds {
		h.Kinds = append(h.Kinds, record.Kind{Name: k.Name, SharePct: k.SharePct, Payload: k.PayloadBytes})
	}
	if len(kinds) == 0 {
		h.Kinds = []record.Kind{{Name: "all", SharePct: 100, Payload: payload}}
	}
	return h
}

// finish ends the record. Its error is the first of all that came of writing it:
// the file is then cut off.
func (r *recordFile) finish(s *load.Summary) error {
	t := &s.Totals
	err := s.Record
	if err == nil {
		err = r.End(record.End{
			Counts: t.Counts, Endings: t.Endings, Answers: t.Answers, Reconnects: t.Reconnects, Late: t.Late,
			HalfFrames: t.HalfFrames, Held: t.Held, OwnLagP99: t.OwnLagP99, OwnLagMax: t.OwnLagMax,
			Dropped: t.Dropped, GeneratorNs: t.CPUNs,
			Partial: s.Partial, EndedBy: s.EndedBy, Warnings: s.Warnings,
		})
	}
	for _, e := range []error{r.out.Flush(), r.file.Close()} {
		if err == nil {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("--record %s: the record is not whole: %w", r.path, err)
	}
	return nil
}

// discard removes the record of a load that was never made.
func (r *recordFile) discard() {
	_ = r.file.Discard() // it is an error already that ends the load
}
