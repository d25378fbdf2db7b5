// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"io"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// CountRuns turns the kernel's statistics of BPF programs on until the closer
// is closed. They cost each run two clock readings, so they are on in a stretch
// of their own, which no figure but Costs comes from. Linux 5.8; CAP_SYS_ADMIN.
func (p *Probes) CountRuns() (io.Closer, error) {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		u := &Unsupported{Operation: "turn on the statistics of BPF programs", Need: "CAP_SYS_ADMIN", Err: err,
			Remedy: "no other figure needs CAP_SYS_ADMIN; run it with sudo to have this one"}
		if !refusedByRights(err) {
			u.Need, u.Remedy = "Linux 5.8", "see `ipcprobe doctor`"
		}
		return nil, u
	}
	if err := p.objects.Rehearsing.Set(uint32(1)); err != nil {
		return nil, errors.Join(fmt.Errorf("take stacks as in a slice: %w", err), stats.Close())
	}
	return rehearsal{p, stats}, nil
}

// rehearsal ends the count of runs, and throws away the stacks that were taken for
// it.
type rehearsal struct {
	probes     *Probes
	statistics io.Closer
}

func (r rehearsal) Close() error {
	err := errors.Join(r.statistics.Close(), r.probes.objects.Rehearsing.Set(uint32(0)))
	if r.probes.sampler == nil {
		return err
	}
	return errors.Join(err, r.probes.sampler.samples.discard())
}

// Costs gives, for each program that ran while CountRuns was open, how often
// it ran and how long its body took; the way into it is not in it.
func (p *Probes) Costs() ([]results.ProgramCost, error) {
	var costs []results.ProgramCost
	var errs []error
	for _, name := range p.programs() {
		program := p.collection.Programs[name]
		stats, err := program.Stats()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if stats.RunCount == 0 {
			continue
		}
		costs = append(costs, results.ProgramCost{
			Name:     name,
			Runs:     stats.RunCount,
			NsPerRun: float64(stats.Runtime.Nanoseconds()) / float64(stats.RunCount),
		})
	}
	return costs, errors.Join(errs...)
}
