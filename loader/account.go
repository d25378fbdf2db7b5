// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"

	"github.com/ipcprobe/ipcprobe/bpf"
	"github.com/ipcprobe/ipcprobe/results"
)

// programNames is in the order of enum program in bpf/src/record.h.
var programNames = [...]string{
	bpf.ProbeProgramPROGRAM_SK_DATA_READY:    bpf.ProbeProgSkDataReady,
	bpf.ProbeProgramPROGRAM_SOCK_SEND_LENGTH: bpf.ProbeProgSockSendLength,
	bpf.ProbeProgramPROGRAM_SOCK_RECV_LENGTH: bpf.ProbeProgSockRecvLength,
	bpf.ProbeProgramPROGRAM_SYS_ENTER:        bpf.ProbeProgSysEnter,
	bpf.ProbeProgramPROGRAM_SYS_EXIT:         bpf.ProbeProgSysExit,
	bpf.ProbeProgramPROGRAM_SCHED_SWITCH:     bpf.ProbeProgSchedSwitch,
	bpf.ProbeProgramPROGRAM_SCHED_WAKEUP:     bpf.ProbeProgSchedWakeup,
	bpf.ProbeProgramPROGRAM_SCHED_WAKING:     bpf.ProbeProgSchedWaking,
	bpf.ProbeProgramPROGRAM_CPU_SAMPLE:       bpf.ProbeProgCpuSample,
	bpf.ProbeProgramPROGRAM_OFF_CPU_STACK:    "off_cpu_stack", // within sched_switch
	bpf.ProbeProgramPROGRAM_CALL_STACK:       "call_stack",    // within sys_enter
	bpf.ProbeProgramPROGRAM_SCHED_FORK:       bpf.ProbeProgSchedFork,
	bpf.ProbeProgramPROGRAM_CONSUME_SKB:      bpf.ProbeProgConsumeSkb,
}

// Loss sums the accounts of all programs over all slices so far. Every run of
// a program counts as seen and as exactly one of emitted, filtered and lost;
// Reconciled says that the sums agree, program by program.
//
// The kernel starts no program on a CPU where it is under way already. That
// happens where hooks can be preempted (seen on 7.3, never on 6.12 or 6.18): what
// the second thread did is lost, and counted by the kernel (recursion_misses, since
// 5.12).
func (p *Probes) Loss() (*results.Loss, error) {
	cpus, err := p.cpus.read()
	if err != nil {
		return nil, err
	}
	loss := &results.Loss{Reconciled: true}
	for i, name := range programNames {
		row := results.ProgramLoss{Name: name}
		for _, cpu := range cpus {
			account := cpu.Accounts[i]
			row.Seen += account.Seen
			row.Emitted += account.Emitted
			row.Filtered += account.Filtered
			row.Lost += account.Lost
		}
		if program := p.collection.Programs[name]; program != nil {
			stats, err := program.Stats()
			if err != nil {
				return nil, fmt.Errorf("read how often %s was passed over: %w", name, err)
			}
			row.Seen += stats.RecursionMisses
			row.Lost += stats.RecursionMisses
		}
		loss.Programs = append(loss.Programs, row)
		loss.Seen += row.Seen
		loss.Emitted += row.Emitted
		loss.Filtered += row.Filtered
		loss.Lost += row.Lost
		loss.Reconciled = loss.Reconciled && row.Seen == row.Emitted+row.Filtered+row.Lost
	}
	return loss, nil
}
