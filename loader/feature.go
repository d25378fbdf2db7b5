// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/loader/symbol"
	"github.com/ipcprobe/ipcprobe/results"
)

// needsProbes is what every hook of the first rung takes.
const needsProbes = "CAP_BPF, CAP_PERFMON"

// hook is one program of ours, and what a run loses without it.
type hook struct {
	program string // name in the object
	name    string // what doctor calls it
	gives   string
	kernel  string // the least kernel
}

var hooks = [...]hook{
	{bpf.ProbeProgSkDataReady, "tracepoint sk_data_ready", "queue wait", "Linux 6.3"},
	{bpf.ProbeProgSockRecvLength, "tracepoint sock_recv_length", "service time", "Linux 6.3"},
	{bpf.ProbeProgSockSendLength, "tracepoint sock_send_length", "reply delivery", "Linux 6.3"},
	{bpf.ProbeProgSysEnter, "tracepoint sys_enter", "system calls", "Linux 5.5"},
	{bpf.ProbeProgSysExit, "tracepoint sys_exit", "system calls", "Linux 5.5"},
	{bpf.ProbeProgSchedSwitch, "tracepoint sched_switch", "time off the CPU", "Linux 5.5"},
	{bpf.ProbeProgSchedWakeup, "tracepoint sched_wakeup", "run-queue delay", "Linux 5.5"},
	{bpf.ProbeProgSchedWaking, "tracepoint sched_waking", "upstream wait", "Linux 5.5"},
	{bpf.ProbeProgSchedFork, "tracepoint sched_process_fork", "children forked meanwhile", "Linux 5.5"},
}

// Examine tries each hook and privilege on this machine, one by one, by using
// it: nothing is concluded from a version. It leaves nothing attached.
func Examine() []results.Check {
	lacking, err := Privileged()
	if err == nil && len(lacking) > 0 {
		err = unix.EPERM
	}
	privileges := outcome("privileges", needsProbes+", CAP_SYS_PTRACE", err)
	if len(lacking) > 0 {
		privileges.Detail = "this process lacks " + strings.Join(lacking, ", ")
	}
	checks := []results.Check{
		privileges,
		outcome("kernel type information", "CONFIG_DEBUG_INFO_BTF=y", examineBTF()),
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		checks = append(checks, outcome("memory lock limit", "CAP_SYS_RESOURCE, or Linux 5.11", err))
	}
	for _, h := range hooks {
		// Without the privileges, what fails first says nothing about the kernel.
		refused := err
		if refused == nil {
			refused = examineHook(h.program)
		}
		check := outcome(h.name, h.kernel, refused)
		check.Gives = h.gives
		checks = append(checks, check)
	}
	refused := err
	if refused == nil {
		refused = examineSampling()
	}
	sampling := outcome("CPU samples (cpu-clock)", "Linux 4.9", refused)
	sampling.Gives = "top functions, cpu.pb.gz"
	names := outcome("kernel function names", "kptr_restrict 0, or 1 and CAP_SYSLOG", examineNames())
	names.Gives, names.Required = "names in kernel stacks", false
	if !names.Works {
		names.Remedy = "run with sudo; where that changes nothing: sysctl kernel.kptr_restrict=1"
	}
	statistics := outcome("statistics of BPF programs", "Linux 5.8, CAP_SYS_ADMIN", examineStatistics())
	statistics.Gives, statistics.Required = "ns per run of each probe", false
	return append(checks, sampling, names, statistics)
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
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		check.Remedy = "run with sudo, or grant " + needsProbes
	case errors.As(err, &unsupported):
		check.Detail, check.Remedy = brief(unsupported.Err), "use a kernel that has it: "+needs
	default:
		check.Remedy = "use a kernel that has it: " + needs
	}
	return check
}

func examineBTF() error {
	_, err := os.Stat("/sys/kernel/btf/vmlinux")
	var path *os.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("%s: %w", path.Path, path.Err)
	}
	return err
}

// examineHook loads one program with the maps it uses, attaches it to its
// tracepoint and takes it off again. Its target is a process that can't be.
func examineHook(program string) error {
	collection, err := loadOne(program)
	if err != nil {
		return err
	}
	defer collection.Close()
	l, err := link.AttachTracing(link.TracingOptions{Program: collection.Programs[program]})
	if err != nil {
		return err
	}
	return l.Close()
}

func loadOne(program string) (*ebpf.Collection, error) {
	spec, err := specFor(Options{TapeBytes: 1})
	if err != nil {
		return nil, err
	}
	for name := range spec.Programs {
		if name != program {
			delete(spec.Programs, name)
		}
	}
	return ebpf.NewCollection(spec)
}

// examineSampling starts the clock of a CPU for a moment.
func examineSampling() error {
	collection, err := loadOne(bpf.ProbeProgCpuSample)
	if err != nil {
		return err
	}
	defer collection.Close()
	s := &sampler{program: collection.Programs[bpf.ProbeProgCpuSample], period: 1e7}
	event, err := s.open(0)
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

// Privileged says whether this process has the capabilities that the probes
// take, and which it lacks.
func Privileged() (missing []string, err error) {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("read this process's capabilities: %w", err)
	}
	has := func(capability int) bool {
		return data[capability/32].Effective&(1<<(capability%32)) != 0
	}
	if has(unix.CAP_SYS_ADMIN) {
		return nil, nil // covers all of them, as it did before 5.8
	}
	for _, want := range []struct {
		capability int
		name       string
	}{
		{unix.CAP_BPF, "CAP_BPF"}, {unix.CAP_PERFMON, "CAP_PERFMON"}, {unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE"},
	} {
		if !has(want.capability) {
			missing = append(missing, want.name)
		}
	}
	return missing, nil
}
