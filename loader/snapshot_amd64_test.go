// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/loader/unwind"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

var update = flag.Bool("update", false, "take the stored snapshots anew")

// snapshot is a stopped thread and the tables of its code, as replay.c reads it.
type snapshot struct {
	tables    *tables
	space     *space
	registers [16]uint64
	pc        uint64
	exact     int
}

// stop stops a process of one thread after some moments. Its memory can be read
// until let is called.
func stop(t testing.TB, pid int) (s *snapshot, memory string, let func()) {
	t.Helper()
	runtime.LockOSThread()
	time.Sleep(time.Duration(time.Now().UnixNano()%3000) * time.Microsecond)
	check := func(err error) {
		if t.Helper(); err != nil {
			t.Fatal(err)
		}
	}
	check(unix.PtraceAttach(pid))
	var status unix.WaitStatus
	_, err := unix.Wait4(pid, &status, unix.WALL, nil)
	check(err)
	// Another signal than ours may have stopped it: it is handed on.
	signal := 0
	if status.StopSignal() != unix.SIGSTOP {
		signal = int(status.StopSignal())
	}
	var regs unix.PtraceRegs
	check(unix.PtraceGetRegs(pid, &regs))
	s = &snapshot{tables: newTables(), pc: regs.Rip, exact: 1}
	s.registers = [16]uint64{regs.Rax, regs.Rdx, regs.Rcx, regs.Rbx, regs.Rsi, regs.Rdi, regs.Rbp, regs.Rsp,
		regs.R8, regs.R9, regs.R10, regs.R11, regs.R12, regs.R13, regs.R14, regs.R15}
	memory = fmt.Sprintf("/proc/%d/mem", pid)
	if file, err := os.Open(memory); err == nil {
		var before [2]byte
		file.ReadAt(before[:], int64(s.pc)-2)
		if int64(regs.Orig_rax) >= 0 && binary.LittleEndian.Uint16(before[:]) == 0x050f {
			s.exact = 0
		}
		file.Close()
	}
	check(s.tables.follow(pid))
	s.space = s.tables.processes[pid]
	return s, memory, func() {
		check(unix.PtraceCont(pid, signal))
		check(detach(pid))
		runtime.UnlockOSThread()
	}
}

// detach lets a process go that was just continued: it must be stopped for that.
func detach(pid int) error {
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
			return err
		}
		if status.StopSignal() == unix.SIGSTOP {
			return unix.PtraceDetach(pid)
		}
		if err := unix.PtraceCont(pid, int(status.StopSignal())); err != nil {
			return err
		}
	}
}

// text writes the snapshot. With the lines that a walk of it gave it keeps only
// the rows and rules of the frames in them.
func (s *snapshot) text(walk []string) string {
	var b strings.Builder
	rules := s.tables.rules.All()
	used := map[uint16]int{}
	rule := func(i uint16) int {
		if walk == nil {
			return int(i)
		}
		if _, known := used[i]; !known {
			used[i] = len(used)
		}
		return used[i]
	}
	var pcs []uint64
	for _, line := range keep(walk, "frame") {
		pc, _ := strconv.ParseUint(strings.TrimPrefix(line, "frame "), 16, 64)
		pcs = append(pcs, pc)
	}
	rule(0) // what nobody knows how to unwind
	var rows []string
	for i, e := range s.space.entries(s.tables) {
		first := len(rows)
		if o := s.space.of[i]; o != nil && o.fails == 0 {
			for _, row := range s.rowsFor(o, e.Base, pcs, walk == nil) {
				rows = append(rows, fmt.Sprintf("row %x %d %d", row.PC, rule(row.Rule), row.Flags))
			}
		}
		fmt.Fprintf(&b, "mapping %x %x %x %d %d %d\n", e.Start, e.End, e.Base, first, len(rows)-first, e.Fails)
	}
	list := make([]unwind.Rule, len(used))
	for i, at := range used {
		list[at] = rules[i]
	}
	if walk == nil {
		list = rules
	}
	for _, r := range list {
		signal := 0
		if r.Signal {
			signal = 1
		}
		fmt.Fprintf(&b, "rule %d %d %d %d %d %d %d %d %d %d %d %d %d\n", r.CFAOffset, r.CFAAdd, r.Result, r.Frame,
			r.Saved, r.Base, r.Index, r.Shift, r.CFA, r.ResultIs, r.FrameIs, r.SavedIs, signal)
	}
	for i, value := range s.registers {
		fmt.Fprintf(&b, "register %d %x\n", i, value)
	}
	fmt.Fprintf(&b, "pc %x %d\n", s.pc, s.exact)
	for _, line := range append(rows, walk...) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// rowsFor gives an object's rows: all of them, or those that hold at the
// addresses, the byte before them, and what follows each.
func (s *snapshot) rowsFor(o *object, base uint64, pcs []uint64, all bool) (some []unwind.Row) {
	if all {
		return o.rows
	}
	keep := make(map[int]bool)
	for _, pc := range pcs {
		for _, at := range []uint64{pc, pc - 1} {
			if at < base || at-base > 1<<32-1 {
				continue
			}
			i, exact := slices.BinarySearchFunc(o.rows, uint32(at-base), func(r unwind.Row, pc uint32) int { return cmp.Compare(r.PC, pc) })
			if !exact {
				i--
			}
			keep[i], keep[i+1] = true, true
		}
	}
	for i, row := range o.rows {
		if keep[i] {
			some = append(some, row)
		}
	}
	return some
}

// Stopped anywhere, a peer's stack is walked to its start; -update stores what
// the walk has read, for the test above.
func TestAStoppedPeerIsWalkedToItsStart(t *testing.T) {
	kerneltest.Privileged(t)
	program := replayer(t)
	peer := compilePeer(t, "gcc", "peer.c", "-O2", "-fomit-frame-pointer", "-pthread", "-w")
	for _, kind := range []string{"frames", "realign", "large", "copy", "clock", "stubs", "signals", "sigaltstack", "contexts"} {
		t.Run(kind, func(t *testing.T) {
			pid := startPeer(t, peer, kind)
			for range 20 {
				snapshot, memory, let := stop(t, pid)
				out := replay(t, program, snapshot.text(nil), memory)
				let()
				if end := out[len(out)-1]; end != "end 1" && end != "end 2" {
					t.Errorf("%s", strings.Join(out, "\n"))
				}
				small := snapshot.text(keep(out, "word", "frame", "end"))
				if got := keep(replay(t, program, small), "frame", "end"); strings.Join(got, " ") != strings.Join(keep(out, "frame", "end"), " ") {
					t.Errorf("cut to what was read, it gives %q\nnot %q", got, out)
				}
				if *update {
					if err := os.WriteFile(filepath.Join(snapshots, kind+".txt"), []byte(small), 0o644); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}
