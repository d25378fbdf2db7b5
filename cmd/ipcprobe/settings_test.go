// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// set changes a setting of the kernel until the test has ended.
func set(t *testing.T, path, value string) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(value), 0)
	}
	if err != nil {
		kerneltest.Skip(t, "needs to set "+path+": "+err.Error())
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, before, 0); err != nil {
			t.Errorf("set %s back to %s: %v", path, before, err)
		}
	})
}

// TestStrictSettingsAreMeasuredUnder holds that a kernel set as strictly as
// distributions do is measured, with the least capabilities, or says why not.
func TestStrictSettingsAreMeasuredUnder(t *testing.T) {
	kerneltest.Privileged(t)
	kerneltest.Root(t)
	const paranoid, pointers = "/proc/sys/kernel/perf_event_paranoid", "/proc/sys/kernel/kptr_restrict"
	folder := ownFolder(t)
	program := copied(t, os.Args[0], openFolder(t), "ipcprobe")
	server := copied(t, peer.Build(t, "stampserver"), openFolder(t), "stampserver")
	for name, c := range map[string]struct{ path, value, warned string }{
		"paranoid-3": {paranoid, "3", ""},
		"paranoid-4": {paranoid, "4", ""},
		"pointers-2": {pointers, "2", "kernel.kptr_restrict"},
	} {
		t.Run(name, func(t *testing.T) {
			set(t, c.path, c.value)
			got := as(t, program, folder, []uintptr{unix.CAP_BPF, unix.CAP_PERFMON, unix.CAP_SYSLOG},
				"run", "--format", "json", "--quiet", "--duration", "1s", "--budget", "50",
				"--out", filepath.Join(folder, name), "--", server, "--socket", filepath.Join(folder, "s"))
			if got.code == exitUsage && strings.Contains(got.stderr, "perf_event_paranoid is "+c.value) {
				return // a kernel with the patch that asks for CAP_SYS_ADMIN
			}
			var r results.Result
			if err := json.Unmarshal([]byte(got.stdout), &r); err != nil || got.code != exitDone {
				t.Fatalf("exit code %d, %v\n%s", got.code, err, got.stderr)
			}
			if r.CPU == nil || r.CPU.Samples == 0 || r.Join == nil || r.Join.MatchedPct < 99.9 {
				t.Errorf("CPU %+v, join %+v", r.CPU, r.Join)
			}
			if said := strings.Join(r.Warnings, "\n"); !strings.Contains(said, c.warned) {
				t.Errorf("no warning names %s:\n%s", c.warned, said)
			}
		})
	}
}
