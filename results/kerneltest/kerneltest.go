// SPDX-License-Identifier: Apache-2.0

package kerneltest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Variables that the guard reads.
const (
	// RequireVariable set to "1" turns each skip into a failure.
	RequireVariable = "IPCPROBE_REQUIRE_KERNEL"
	// TierVariable set to "pure" leaves the kernel tier out on purpose.
	TierVariable = "IPCPROBE_TIER"
)

// Bits of a capability set, from linux/capability.h. CAP_PERFMON and CAP_BPF
// are there since 5.8; before, CAP_SYS_ADMIN covers both.
const (
	capSysPtrace = 1 << 19
	capSysAdmin  = 1 << 21
	capPerfmon   = 1 << 38
	capBPF       = 1 << 39
)

// Skip ends a test that this machine can't run, giving the reason. It fails
// the test instead when the kernel tier is required.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv(RequireVariable) == "1" {
		t.Fatalf("%s=1, and this test can't run here: %s", RequireVariable, reason)
	}
	t.Skip(reason)
}

// Privileged ends the test through Skip unless this process may load BPF
// programs and attach them to other processes. In the pure tier it skips even
// where the kernel tier is required: that one is a run of its own.
func Privileged(t testing.TB) {
	t.Helper()
	if leftOut(t) {
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		Skip(t, "needs Linux: "+err.Error())
		return
	}
	if missing, err := missingCapabilities(string(status)); err != nil {
		t.Fatalf("read own capabilities: %v", err)
	} else if missing != "" {
		Skip(t, "needs "+missing+": run as root (make test-kernel)")
	}
}

// Root ends the test through Skip unless it runs as root, and in the pure tier:
// for tests that need another user, and no probe.
func Root(t testing.TB) {
	t.Helper()
	if !leftOut(t) && os.Geteuid() != 0 {
		Skip(t, "needs root (make test-kernel)")
	}
}

// leftOut skips the test in the pure tier. The answer is for a stand-in in the
// tests of this package; a real test does not come back.
func leftOut(t testing.TB) bool {
	t.Helper()
	if os.Getenv(TierVariable) != "pure" {
		return false
	}
	t.Skip("kernel tier left out: " + TierVariable + "=pure")
	return true
}

// Tool gives the path of a program, also where it stands in a folder for
// administrators that the user's PATH leaves out. It ends the test through
// Skip when the program isn't installed.
func Tool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, folder := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
			return path
		}
	}
	Skip(t, "needs the program "+name+": make deps installs it")
	return ""
}

// missingCapabilities names the capabilities that the process described by a
// /proc/PID/status lacks to load and attach the probes; "" if none.
func missingCapabilities(status string) (string, error) {
	for line := range strings.Lines(status) {
		value, found := strings.CutPrefix(line, "CapEff:")
		if !found {
			continue
		}
		effective, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			return "", fmt.Errorf("parse CapEff: %w", err)
		}
		return missingFrom(effective), nil
	}
	return "", errors.New("no CapEff line")
}

func missingFrom(effective uint64) string {
	var missing []string
	if effective&capSysAdmin == 0 {
		if effective&capBPF == 0 {
			missing = append(missing, "CAP_BPF")
		}
		if effective&capPerfmon == 0 {
			missing = append(missing, "CAP_PERFMON")
		}
	}
	if effective&capSysPtrace == 0 {
		missing = append(missing, "CAP_SYS_PTRACE")
	}
	return strings.Join(missing, ", ")
}
