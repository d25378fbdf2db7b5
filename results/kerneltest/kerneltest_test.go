// SPDX-License-Identifier: Apache-2.0

package kerneltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder stands for the test under guard and keeps how it was ended. It
// returns where the real one would leave the goroutine.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper()                        {}
func (r *recorder) Skip(args ...any)               { r.skipped = fmt.Sprint(args...) }
func (r *recorder) Fatalf(format string, a ...any) { r.failed = fmt.Sprintf(format, a...) }

func TestSkipFailsOnlyWhenTheTierIsRequired(t *testing.T) {
	for _, row := range []struct {
		require string
		fails   bool
	}{
		{"", false},
		{"0", false},
		{"1", true},
	} {
		t.Run("require="+row.require, func(t *testing.T) {
			t.Setenv(RequireVariable, row.require)
			r := &recorder{}
			Skip(r, "no such hook")
			if got := r.failed != ""; got != row.fails {
				t.Errorf("failed = %t (%q), want %t", got, r.failed, row.fails)
			}
			if got := r.failed + r.skipped; !strings.Contains(got, "no such hook") {
				t.Errorf("ended with %q, want the reason in it", got)
			}
		})
	}
}

func TestPureTierLeavesKernelTestsOut(t *testing.T) {
	for name, guard := range map[string]func(testing.TB){"Privileged": Privileged, "Root": Root} {
		for _, require := range []string{"", "1"} {
			t.Run(name+", require="+require, func(t *testing.T) {
				t.Setenv(RequireVariable, require)
				t.Setenv(TierVariable, "pure")
				r := &recorder{}
				guard(r)
				if !strings.Contains(r.skipped, TierVariable) || r.failed != "" {
					t.Errorf("skipped with %q, failed with %q; want a skip with the variable named", r.skipped, r.failed)
				}
			})
		}
	}
}

func TestRootIsWhatItSays(t *testing.T) {
	t.Setenv(RequireVariable, "")
	t.Setenv(TierVariable, "")
	r := &recorder{}
	Root(r)
	if passed, root := r.skipped == "", os.Geteuid() == 0; passed != root {
		t.Errorf("passed = %t as user %d", passed, os.Geteuid())
	}
}

func TestMissingCapabilities(t *testing.T) {
	for _, row := range []struct {
		name, status, want string
		bad                bool
	}{
		{name: "root", status: "Name:\tx\nCapEff:\t000001ffffffffff\n"},
		{name: "an ordinary user", status: "CapEff:\t0000000000000000\n",
			want: "CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE"},
		{name: "the three alone", status: "CapEff:\t000000c000080000\n"},
		{name: "admin before 5.8 without ptrace", status: "CapEff:\t0000000000200000\n",
			want: "CAP_SYS_PTRACE"},
		{name: "no such line", status: "Name:\tx\n", bad: true},
		{name: "not a number", status: "CapEff:\tall\n", bad: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := missingCapabilities(row.status)
			if (err != nil) != row.bad {
				t.Fatalf("error = %v, want one: %t", err, row.bad)
			}
			if got != row.want {
				t.Errorf("missing = %q, want %q", got, row.want)
			}
		})
	}
}

func TestToolFindsWhatIsThereAndSkipsWhatIsNot(t *testing.T) {
	t.Setenv(RequireVariable, "")
	folder := t.TempDir()
	present := filepath.Join(folder, "ipcprobe-tool-that-is-there")
	if err := os.WriteFile(present, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", folder)

	r := &recorder{}
	if got := Tool(r, filepath.Base(present)); got != present || r.skipped != "" {
		t.Errorf("Tool = %q (skipped %q), want %q", got, r.skipped, present)
	}
	if got := Tool(r, "ipcprobe-tool-that-is-not"); got != "" || r.skipped == "" {
		t.Errorf("Tool = %q, skipped %q; want a skip", got, r.skipped)
	}
}
