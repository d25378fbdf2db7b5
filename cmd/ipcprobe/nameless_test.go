// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// burnVariant measures a burner that was built otherwise, and gives the report too.
func burnVariant(t *testing.T, program string, gone bool) (r *results.Result, out, words string) {
	t.Helper()
	kerneltest.Privileged(t)
	copied := filepath.Join(openFolder(t), "burner")
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, content, 0o755); err != nil {
		t.Fatal(err)
	}
	server := peer.Start(t, "ready", copied, "--socket", filepath.Join(openFolder(t), "s"))
	if gone {
		if err := os.Remove(copied); err != nil {
			t.Fatal(err)
		}
	}
	r, out, _ = profiled(t, server, "--duration", "4s", "--slice", "500ms", "--budget", "100", "--payload", "64")
	report, err := os.ReadFile(filepath.Join(out, "report.md"))
	if err != nil {
		t.Fatal(err)
	}
	return r, out, strings.Join(strings.Fields(string(report)), " ")
}

// A server without unwind tables: no stack is whole, each says why, the report
// warns, and totals and what functions have by themselves are right all the same.
func TestAServerWithoutTablesIsCountedAndNamed(t *testing.T) {
	kerneltest.Tool(t, "musl-gcc")
	program := peer.Variant(t, "bare", "burner", "CC=musl-gcc -static",
		"CFLAGS=-O2 -fomit-frame-pointer -fno-asynchronous-unwind-tables -fno-unwind-tables")
	r, out, words := burnVariant(t, program, false)
	t.Logf("%d samples, %.1f %% whole, cut %v, tables for %.1f %%; %q", r.CPU.Samples, r.CPU.CompleteStacksPct, r.CPU.CutStacks,
		*r.CPU.UnwindCoveragePct, r.Warnings)
	var cut int64
	for _, n := range r.CPU.CutStacks {
		cut += n
	}
	whole := int64(r.CPU.CompleteStacksPct/100*float64(r.CPU.Samples) + 0.5)
	if r.CPU.Samples < 50 || whole+cut != r.CPU.Samples || whole*20 > r.CPU.Samples {
		t.Errorf("%d samples are %d whole and %d cut", r.CPU.Samples, whole, cut)
	}
	if *r.CPU.UnwindCoveragePct > 50 {
		t.Errorf("tables for %.1f %% of the code", *r.CPU.UnwindCoveragePct)
	}
	warnings := strings.Join(r.Warnings, "\n")
	for _, want := range []string{"of the target's code only; what lacks unwind tables: burner", "of the stacks are whole"} {
		if !strings.Contains(warnings, want) {
			t.Errorf("no warning that %q: %s", want, warnings)
		}
	}
	if !strings.Contains(words, "code that the table leaves out") && !strings.Contains(words, "object without unwind table") {
		t.Errorf("the report does not say why stacks end:\n%s", words)
	}
	p := profileIn(t, out, "cpu.pb.gz")
	checkHottest(t, r, "ipc_protocol_decode", stolen(r, p))
	checkTotal(t, r, p)
}

// A server of which nothing but the code is left: its functions are told apart by the
// ranges of its unwind information, and the report says that these are no names.
func TestAServerWithoutNamesHasFunctions(t *testing.T) {
	program := peer.Variant(t, "nameless", "burner", "CFLAGS=-O2 -fomit-frame-pointer -s -Wl,--build-id=none")
	r, out, words := burnVariant(t, program, true)
	var ranges []string
	for _, f := range r.CPU.Top {
		if strings.HasPrefix(f.Function, "burner!fn_0x") && f.SelfPct > 5 {
			ranges = append(ranges, f.Function)
		}
	}
	t.Logf("%d samples, %.2f %% whole, functions %v", r.CPU.Samples, r.CPU.CompleteStacksPct, ranges)
	if r.CPU.CompleteStacksPct < 99 {
		t.Errorf("%.2f %% of the stacks are whole: %v", r.CPU.CompleteStacksPct, r.CPU.CutStacks)
	}
	if len(ranges) != len(burned) {
		t.Errorf("%d functions burn: %v", len(ranges), r.CPU.Top)
	}
	if !strings.Contains(words, "burner: no symbols.") {
		t.Errorf("the report does not say that these are no names:\n%s", words)
	}
	checkTotal(t, r, profileIn(t, out, "cpu.pb.gz"))
}
