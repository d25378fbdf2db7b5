// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// Whatever the kernel: either it is known whether hooks can be preempted, or this
// kernel is one that says so by lacking what it takes to find out.
func TestWhetherHooksCanBePreemptedIsFoundOut(t *testing.T) {
	kerneltest.Privileged(t)
	found, err := tryPreemption(nil)
	switch {
	case errors.Is(err, btf.ErrNotFound), errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.ENOENT):
		t.Logf("it can't be told here, and is taken for no: %v", err)
	case err != nil:
		t.Error(err)
	default:
		t.Logf("programs on raw tracepoints can be preempted: %t", found)
	}
}

func TestWhereHooksArePreemptedTheRungThatLosesNothingComesFirst(t *testing.T) {
	names := func(of []step) (names []Rung) {
		for _, s := range of {
			names = append(names, s.rung)
		}
		return names
	}
	for _, row := range []struct {
		asked     Rung
		preempted bool
		want      []Rung
	}{
		{"", false, []Rung{TPBTF, Tracepoint, Fentry, Kprobe, Syscall}},
		{"", true, []Rung{Tracepoint, TPBTF, Fentry, Kprobe, Syscall}},
		{Kprobe, true, []Rung{Kprobe}},
	} {
		if got := names(steps(row.asked, row.preempted)); !slices.Equal(got, row.want) {
			t.Errorf("asked for %q, preempted %t: %v, want %v", row.asked, row.preempted, got, row.want)
		}
	}
}

// Whatever a program did not see because another thread was preempted inside it, it
// says was lost: with all threads on one CPU that happens where it can.
func TestWhatPreemptionTakesIsCounted(t *testing.T) {
	kerneltest.Privileged(t)
	preempted := preemptible(nil)
	for _, rung := range []Rung{TPBTF, Fentry} {
		t.Run(string(rung), func(t *testing.T) { whatPreemptionTakesIsCounted(t, rung, preempted) })
	}
}

func whatPreemptionTakesIsCounted(t *testing.T, rung Rung, preempted bool) {
	pid, conn := startServer(t)
	probes, err := Open(Options{Rung: rung, Target: pid, Client: os.Getpid()})
	var refused *Unsupported
	if errors.As(err, &refused) {
		t.Logf("not for this kernel: %v", err)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer probes.Close()
	warned := slices.ContainsFunc(probes.Warnings(), func(w string) bool { return strings.Contains(w, string(Tracepoint)) })
	if warned != preempted {
		t.Errorf("preempted %t, but a warning names the rung that loses nothing: %t, %q", preempted, warned, probes.Warnings())
	}
	together(t, pid)
	exchange(t, conn, 1)
	receives(t, pid)
	if err := probes.Attach(); err != nil {
		t.Fatal(err)
	}
	const n = 1000
	exchange(t, conn, n)
	receives(t, pid)
	if err := probes.Detach(); err != nil {
		t.Fatal(err)
	}
	seen, err := probes.Collect(nil)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := probes.Loss()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d lost of %d", loss.Lost, loss.Seen)
	for _, kind := range []results.ObservationKind{results.Taken, results.Answered} {
		if got := uint64(len(only(seen, kind))); got > n || got+loss.Lost < n {
			t.Errorf("%d of %d events of kind %v, and %d lost", got, n, kind, loss.Lost)
		}
	}
	if !loss.Reconciled {
		t.Errorf("accounts: %+v", *loss)
	}
}
