// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
)

// needsProbes is what every hook of the first rung takes.
const needsProbes = "CAP_BPF, CAP_PERFMON"

// common is one program that all rungs have, and what a run loses without it.
type common struct {
	program string // name in the object
	name    string // what doctor calls it
	gives   string
}

var commons = [...]common{
	{bpf.ProbeProgSysEnter, "tracepoint sys_enter", "system calls"},
	{bpf.ProbeProgSysExit, "tracepoint sys_exit", "system calls"},
	{bpf.ProbeProgSchedSwitch, "tracepoint sched_switch", "time off the CPU"},
	{bpf.ProbeProgSchedWakeup, "tracepoint sched_wakeup", "run-queue delay"},
	{bpf.ProbeProgSchedWaking, "tracepoint sched_waking", "upstream wait"},
	{bpf.ProbeProgSchedFork, "tracepoint sched_process_fork", "children forked meanwhile"},
}

// Examine tries each rung, hook and privilege on this machine, one by one, by
// using it: nothing is concluded from a version. It leaves nothing attached. The
// kernel's types come from the file btf, if it is named.
func Examine(btf string) []results.Check {
	lacking, err := Privileged()
	if err == nil && len(lacking) > 0 {
		err = unix.EPERM
	}
	types := outcome("kernel type information", "CONFIG_DEBUG_INFO_BTF=y, or --btf FILE", examineBTF(btf))
	if !types.Works {
		types.Remedy = "give a file of it with --btf FILE"
	}
	checks := append(examinePrivileges(), types)
	checks = append(checks, examineSettings(os.ReadFile)...)
	if err := rlimit.RemoveMemlock(); err != nil {
		checks = append(checks, outcome("memory lock limit", "CAP_SYS_RESOURCE, or Linux 5.11", err))
	}
	rungs, best := examineLadder(btf, err)
	checks = append(checks, rungs...)
	for _, w := range commons {
		// Without the privileges, what fails first says nothing about the kernel.
		refused := err
		if refused == nil {
			refused = examineHook(best, w.program, btf)
		}
		check := outcome(w.name, "Linux 5.8", refused)
		check.Gives = w.gives
		checks = append(checks, check)
	}
	refused := err
	if refused == nil {
		refused = examineSampling(best, btf)
	}
	sampling := outcome("CPU samples (cpu-clock)", "Linux 5.8", refused)
	sampling.Gives = "top functions, cpu.pb.gz"
	if err == nil && refusedByRights(refused) {
		sampling.Remedy = samplingRemedy(os.ReadFile)
	}
	names := outcome("kernel function names", "CAP_SYSLOG, kptr_restrict below 2", examineNames())
	names.Gives, names.Required = "names in kernel stacks", false
	if !names.Works {
		names.Remedy = "run with sudo, or grant CAP_SYSLOG; where that changes nothing: sysctl kernel.kptr_restrict=1"
	}
	statistics := outcome("statistics of BPF programs", "Linux 5.8, CAP_SYS_ADMIN", examineStatistics())
	statistics.Gives, statistics.Required = "ns per run of each probe", false
	if !statistics.Works {
		statistics.Remedy = "run with sudo, or do without: no other figure needs CAP_SYS_ADMIN"
	}
	return append(checks, sampling, names, statistics)
}

// examineLadder tries each rung. One that sees everything is required, whichever
// it is: so the first is, when none of them works. best is the rung of a run.
func examineLadder(btf string, unprivileged error) (checks []results.Check, best step) {
	types, err := kernelTypes(btf)
	all := steps("", err == nil && unprivileged == nil && preemptible(types))
	best = all[len(all)-1]
	whole := false
	for i := len(all) - 1; i >= 0; i-- {
		s := all[i]
		refused := unprivileged
		if refused == nil {
			refused = examineRung(s.rung, btf)
		}
		check := outcome("rung "+string(s.rung)+", "+s.hooks, s.needs, refused)
		check.Gives, check.Required = s.gives, false
		if check.Works {
			best = s
			whole = whole || s.rung.SeesQueue()
		} else if unprivileged == nil {
			check.Remedy = "none needed where another rung works; this one needs " + s.needs
		}
		checks = append(checks, check)
	}
	slices.Reverse(checks)
	checks[0].Required = !whole
	return checks, best
}

// examineRung loads a rung's programs, and attaches and detaches each.
func examineRung(rung Rung, btf string) error {
	l, err := climb(Options{TapeBytes: 1, Rung: rung, BTF: btf})
	if err != nil {
		return err
	}
	l.collection.Close()
	return nil
}

// outcome makes a required check of what trying it gave.
func outcome(name, needs string, err error) results.Check {
	check := results.Check{Name: name, Needs: needs, Works: err == nil, Required: true}
	if err == nil {
		return check
	}
	check.Detail = brief(err)
	var unsupported *Unsupported
	switch {
	case refusedByRights(err):
		check.Remedy = "run with sudo, or grant " + needsProbes
	case errors.As(err, &unsupported):
		check.Detail, check.Remedy = brief(unsupported.Err), "use a kernel that has it: "+needs
	default:
		check.Remedy = "use a kernel that has it: " + needs
	}
	return check
}

// refusedByRights says whether the kernel refused for want of a privilege.
func refusedByRights(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

// examineBTF looks whether the kernel's types can be had.
func examineBTF(path string) error {
	if path != "" {
		_, err := kernelTypes(path)
		return err
	}
	_, err := os.Stat("/sys/kernel/btf/vmlinux")
	var missing *os.PathError
	if errors.As(err, &missing) {
		return fmt.Errorf("%s: %w", missing.Path, missing.Err)
	}
	return err
}

// examineHook loads one program with the maps it uses, attaches it to its
// tracepoint and takes it off again. Its target is a process that can't be.
func examineHook(s step, program, btf string) error {
	spec, collection, err := loadOne(s, program, btf)
	if err != nil {
		return err
	}
	defer collection.Close()
	for _, h := range hooksOf(spec, collection, nil) {
		l, err := h.attach()
		if err != nil {
			return err
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

func loadOne(s step, program, btf string) (*ebpf.CollectionSpec, *ebpf.Collection, error) {
	types, err := kernelTypes(btf)
	if err != nil {
		return nil, nil, err
	}
	spec, err := specFor(s, Options{TapeBytes: 1})
	if err != nil {
		return nil, nil, err
	}
	for name := range spec.Programs {
		if name != program {
			delete(spec.Programs, name)
		}
	}
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{
		Programs: ebpf.ProgramOptions{KernelTypes: types},
	})
	return spec, collection, err
}

// examineSampling starts the clock of a CPU for a moment.
func examineSampling(s step, btf string) error {
	_, collection, err := loadOne(s, bpf.ProbeProgCpuSample, btf)
	if err != nil {
		return err
	}
	defer collection.Close()
	sampler := &sampler{program: collection.Programs[bpf.ProbeProgCpuSample], period: 1e7}
	event, err := sampler.open(0)
	if err != nil {
		return err
	}
	return unix.Close(event)
}

func examineNames() error {
	_, err := symbol.OpenKernel()
	return err
}

func examineStatistics() error {
	stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return err
	}
	return stats.Close()
}
