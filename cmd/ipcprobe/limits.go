// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/limit"
)

// memoryOptions are the flags of the memory part of a run and of its limits.
type memoryOptions struct {
	limits   limit.Flag
	valgrind valgrind
}

func (o *memoryOptions) flags(flags *pflag.FlagSet) {
	limitFlag(flags, &o.limits)
	flags.BoolVar(&o.valgrind.wanted, "valgrind", false, "run the command under valgrind's massif and keep its massif.out")
}

// limitFlag adds --limit.
func limitFlag(flags *pflag.FlagSet, to *limit.Flag) {
	flags.Var(to, "limit", "end with code 1 unless `METRIC<VALUE` holds, as p99<10ms, throughput>5000, rss<50MB,\ncpu<30%, leak=none; may be given again. Metrics: "+wrapped(limit.Metrics()))
}

// wrapped lists words, some to a line of a help text.
func wrapped(words []string) string {
	var s strings.Builder
	width := 40 // of what stands before
	for i, word := range words {
		if i > 0 {
			s.WriteByte(',')
			if width += 2 + len(word); width > 78 {
				s.WriteByte('\n')
				width = len(word)
			} else {
				s.WriteByte(' ')
			}
		}
		s.WriteString(word)
	}
	return s.String()
}

// limitsMet is the exit code that judged limits deserve.
func limitsMet(r *results.Result) error {
	switch limit.Sum(r.Limits) {
	case limit.Missed:
		return exit(exitMissed)
	case limit.Inconclusive:
		return exit(exitUnsure)
	}
	return nil
}
