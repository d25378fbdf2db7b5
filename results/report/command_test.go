// SPDX-License-Identifier: Apache-2.0

package report

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestACommandIsOneThatAShellTakes(t *testing.T) {
	words := []string{"bin/ipcprobe", "suite", "--limit", "p50<5ms", "--limit=throughput>=1000", "--mix", "80% 0x01 64B", "", "it's", `a\b"c`, "$HOME `id` *", "{socket}", "größer"}
	line := commandLine(words)
	if !strings.HasPrefix(line, "bin/ipcprobe suite --limit 'p50<5ms' ") || !strings.Contains(line, " {socket} ") {
		t.Error(line)
	}
	out, err := exec.Command("/bin/sh", "-c", `printf '%s\n' `+line).Output()
	if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); err != nil || !slices.Equal(got, words) {
		t.Errorf("%v: %q", err, got)
	}
}
