// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// privilege is one capability that a run uses, and what it loses without it.
type privilege struct {
	bit      int
	name     string
	covered  bool // by CAP_SYS_ADMIN also, as before Linux 5.8
	required bool // no probe runs without it
	costs    string
}

// privileges are all that a run uses. What it does as root besides, to become the
// user who called sudo, takes CAP_SETUID, CAP_SETGID, CAP_CHOWN and CAP_KILL; who
// is not root stays who he is, and needs none of them.
var privileges = [...]privilege{
	{unix.CAP_BPF, "CAP_BPF", true, true, "every figure of the kernel: no probe can be loaded"},
	{unix.CAP_PERFMON, "CAP_PERFMON", true, true, "every figure of the kernel: no probe can be attached, no CPU sample taken"},
	{unix.CAP_SYS_PTRACE, "CAP_SYS_PTRACE", false, false, "targets of other users, and ones that have capabilities; your own are measured"},
	{unix.CAP_SYSLOG, "CAP_SYSLOG", false, false, "names of kernel functions: their time is in one line, [kernel]"},
	{unix.CAP_SYS_ADMIN, "CAP_SYS_ADMIN", false, false, "ns per run of each probe; what the probes cost as a whole is still measured"},
	{unix.CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", false, false, "targets of other users: their descriptors, by which their sockets are found; names from program files that you may not read"},
}

// effective reads the capabilities that this process has now, one bit each.
func effective() (uint64, error) {
	var data [2]unix.CapUserData
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("read this process's capabilities: %w", err)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

// heldIn says whether a set has the capability, or one that covers it.
func (p privilege) heldIn(set uint64) bool {
	return set&(1<<p.bit) != 0 || p.covered && set&(1<<unix.CAP_SYS_ADMIN) != 0
}

// remedy says how to come by the capability.
func (p privilege) remedy() string {
	if p.bit == unix.CAP_SYS_ADMIN {
		return "run with sudo, or do without"
	}
	return "run with sudo, or give it to the program: make install SETCAP=1, or setcap"
}

// Privileged says which of the capabilities this process lacks without which no
// probe runs: CAP_BPF and CAP_PERFMON, each of which CAP_SYS_ADMIN covers.
func Privileged() (missing []string, err error) {
	set, err := effective()
	if err != nil {
		return nil, err
	}
	for _, p := range privileges {
		if p.required && !p.heldIn(set) {
			missing = append(missing, p.name)
		}
	}
	return missing, nil
}

// examinePrivileges looks which capabilities this process has.
func examinePrivileges() []results.Check {
	set, err := effective()
	var checks []results.Check
	for _, p := range privileges {
		check := results.Check{Name: "capability " + p.name, Needs: p.name, Gives: p.costs, Works: err == nil && p.heldIn(set), Required: p.required}
		switch {
		case err != nil:
			check.Detail = brief(err)
		case !check.Works:
			check.Detail = "this process lacks it"
			check.Remedy = p.remedy()
		}
		checks = append(checks, check)
	}
	return checks
}

// examineSettings looks at what an administrator may have set so that privileges
// do not suffice. read is os.ReadFile; a file that is not there restricts nothing.
func examineSettings(read func(path string) ([]byte, error)) []results.Check {
	var checks []results.Check
	for _, setting := range []struct {
		path, name, needs, gives, remedy string
		required                         bool
		forbids                          func(value string) bool
	}{
		{"/sys/kernel/security/lockdown", "kernel lockdown", "none, or integrity",
			"every figure of the kernel: in confidentiality no program may read its memory", "boot without lockdown=confidentiality", true,
			func(v string) bool { return strings.Contains(v, "[confidentiality]") }},
		{"/proc/sys/kernel/kptr_restrict", "kernel.kptr_restrict", "0 or 1",
			"names of kernel functions: at 2 not even root sees them", "sysctl kernel.kptr_restrict=1", false,
			func(v string) bool { return v == "2" }},
	} {
		text, err := read(setting.path)
		value := strings.TrimSpace(string(text))
		check := results.Check{Name: setting.name, Needs: setting.needs, Gives: setting.gives,
			Works: err != nil || !setting.forbids(value), Required: setting.required}
		if !check.Works {
			check.Detail, check.Remedy = "it is "+value, setting.remedy
		}
		checks = append(checks, check)
	}
	return checks
}

// samplingRemedy says what lets one sample the CPUs. Mainline lets CAP_PERFMON
// at any kernel.perf_event_paranoid; the patch that adds 3 and 4 (Debian's,
// Ubuntu's) asks for CAP_SYS_ADMIN in its older versions.
func samplingRemedy(read func(path string) ([]byte, error)) string {
	text, err := read("/proc/sys/kernel/perf_event_paranoid")
	if level := strings.TrimSpace(string(text)); err == nil && (level == "3" || level == "4") {
		return "kernel.perf_event_paranoid is " + level + ", for which this kernel may want CAP_SYS_ADMIN: run with sudo, or sysctl kernel.perf_event_paranoid=2, or --profile-hz 0"
	}
	return "run with sudo, or grant CAP_PERFMON, or --profile-hz 0"
}
