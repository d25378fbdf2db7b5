// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// ReadEnvironment describes the machine. What it does not tell stays "unknown".
// StealPct and Placement are the caller's to fill, from MachineTicks and
// Placement.
func ReadEnvironment() results.Environment {
	e := results.Environment{Kernel: "unknown", CPUModel: "unknown", CPUs: onlineCPUs(), Lockdown: lockdown()}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		e.Kernel = unix.ByteSliceToString(name.Release[:])
	}
	info, err := readText("/proc/cpuinfo")
	if err == nil {
		if model := cpuModel(info); model != "" {
			e.CPUModel = model
		}
	}
	e.Virtualised = hypervisorFlag(info) || hypervisorNamed()
	return e
}

// onlineCPUs counts the CPUs that are switched on, also those that we may not
// use ourselves.
func onlineCPUs() int {
	text, err := readText("/sys/devices/system/cpu/online")
	if err == nil {
		if n, ok := countCPUs(string(bytes.TrimSpace(text))); ok {
			return n
		}
	}
	return runtime.NumCPU()
}

// hypervisorNamed is for architectures whose cpuinfo has no flag for it.
func hypervisorNamed() bool {
	for _, path := range []string{"/sys/hypervisor/type", "/proc/device-tree/hypervisor/compatible"} {
		if _, err := os.Stat(path); err == nil {
			return true
		}
	}
	vendor, err := readText("/sys/class/dmi/id/sys_vendor")
	if err != nil {
		return false
	}
	for _, known := range []string{"QEMU", "Amazon EC2", "Google", "VMware", "Xen", "innotek"} {
		if strings.HasPrefix(string(vendor), known) && runtime.GOARCH != "amd64" {
			return true
		}
	}
	return false
}

// lockdown reads the kernel's lockdown mode: "none", "integrity",
// "confidentiality", or "unknown" where the file can't be read. A kernel whose
// securityfs is mounted and has no such file has no lockdown.
func lockdown() string {
	text, err := readText("/sys/kernel/security/lockdown")
	if err == nil {
		return lockdownMode(text)
	}
	if entries, dirErr := os.ReadDir("/sys/kernel/security"); errors.Is(err, fs.ErrNotExist) && dirErr == nil && len(entries) > 0 {
		return "none"
	}
	return "unknown"
}

// MachineTicks reads how all CPUs together spent their time since boot.
func MachineTicks() (Ticks, error) {
	text, err := readText("/proc/stat")
	if err != nil {
		return Ticks{}, err
	}
	return parseTicks(text)
}
