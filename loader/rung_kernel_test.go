// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// rungsVariable names the rungs that must work on this kernel, with commas. One
// that is not named is tried, and what it lacks is told.
const rungsVariable = "IPCPROBE_TEST_RUNGS"

// onEachRung tests on each rung of the ladder that this kernel takes.
func onEachRung(t *testing.T, test func(*testing.T, Rung)) {
	kerneltest.Privileged(t)
	var due []string
	if names := os.Getenv(rungsVariable); names != "" {
		due = strings.Split(names, ",")
	}
	tested, preempted := 0, preemptible(nil)
	for i := range ladder {
		rung := ladder[i].rung
		probes, err := Open(Options{Target: os.Getpid(), TapeBytes: 1, Rung: rung})
		var refused *Unsupported
		switch {
		case err == nil:
			if err := probes.Close(); err != nil {
				t.Fatal(err)
			}
			if preempted && rung.losesWherePreempted() {
				t.Logf("rung %s loads; what it loses where it is preempted can't be held to a count: see TestWhatPreemptionTakesIsCounted", rung)
				continue
			}
			tested++
			t.Run(string(rung), func(t *testing.T) { test(t, rung) })
		case !errors.As(err, &refused), slices.Contains(due, string(rung)):
			t.Errorf("rung %s: %v", rung, err)
		default:
			t.Logf("rung %s is not for this kernel: %v", rung, err)
		}
	}
	if tested == 0 {
		t.Error("no rung works")
	}
}

func TestTheBestRungThatWorksIsChosen(t *testing.T) {
	kerneltest.Privileged(t)
	probes := open(t, Options{Target: os.Getpid(), TapeBytes: 1})
	for _, step := range steps("", preemptible(nil)) {
		rung := step.rung
		if rung == probes.Rung() {
			break
		}
		if better, err := Open(Options{Target: os.Getpid(), TapeBytes: 1, Rung: rung}); err == nil {
			t.Errorf("%s was chosen, and %s works", probes.Rung(), rung)
			better.Close()
		}
	}
}

func TestARungIsReadByItsName(t *testing.T) {
	for i := range ladder {
		if rung, err := ParseRung(string(ladder[i].rung)); err != nil || rung != ladder[i].rung {
			t.Errorf("ParseRung(%q) = %q, %v", ladder[i].rung, rung, err)
		}
	}
	if rung, err := ParseRung(""); err != nil || rung != "" {
		t.Errorf("no name: %q, %v", rung, err)
	}
	if _, err := ParseRung("uprobe"); err == nil || !strings.Contains(err.Error(), "tp_btf, tracepoint, fentry, kprobe, syscall") {
		t.Errorf("a wrong name: %v", err)
	}
}
