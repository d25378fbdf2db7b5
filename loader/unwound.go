// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// frameExact is FRAME_EXACT of bpf/src/record.h: the code stopped at the address,
// and did not call behind the byte before it.
const frameExact = 1 << 63

// unwindEnds say how a walk ended, by enum unwind_end of bpf/src/unwind.h.
var unwindEnds = [bpf.ProbeUnwindEndUNWIND_ENDS]string{
	bpf.ProbeUnwindEndUNWIND_WALKING:       "walk without an end",
	bpf.ProbeUnwindEndUNWIND_OUTERMOST:     "thread's start",
	bpf.ProbeUnwindEndUNWIND_ZERO:          "return address 0",
	bpf.ProbeUnwindEndUNWIND_NO_USER:       "no user code",
	bpf.ProbeUnwindEndUNWIND_DEEP:          "more than 127 frames",
	bpf.ProbeUnwindEndUNWIND_PROCESS:       "process without tables",
	bpf.ProbeUnwindEndUNWIND_UNMAPPED:      "address outside all code",
	bpf.ProbeUnwindEndUNWIND_ANONYMOUS:     "code that lies in no file",
	bpf.ProbeUnwindEndUNWIND_NO_TABLE:      "object without unwind table",
	bpf.ProbeUnwindEndUNWIND_BROKEN:        "object that can't be read",
	bpf.ProbeUnwindEndUNWIND_FULL:          "no room for the object's table",
	bpf.ProbeUnwindEndUNWIND_NO_ROW:        "code that the table leaves out",
	bpf.ProbeUnwindEndUNWIND_RULE:          "unknown form of rule",
	bpf.ProbeUnwindEndUNWIND_REGISTER:      "register is lost",
	bpf.ProbeUnwindEndUNWIND_NOT_RESIDENT:  "stack page not in memory",
	bpf.ProbeUnwindEndUNWIND_NOT_ABOVE:     "caller's frame not above",
	bpf.ProbeUnwindEndUNWIND_OTHER_MACHINE: "32-bit code",
}

// complete says that a walk came to where the thread starts.
func complete(end bpf.ProbeUnwindEnd) bool {
	switch end {
	case bpf.ProbeUnwindEndUNWIND_OUTERMOST, bpf.ProbeUnwindEndUNWIND_ZERO, bpf.ProbeUnwindEndUNWIND_NO_USER:
		return true
	}
	return false
}

// While the probes are on, the mappings are looked up again at the first look (see
// Drain) that is lookSoon behind the one before, if a walk has missed one. A library
// that is loaded and unloaded again and again may not be there just when somebody
// looks, so lookTries more are made, for lookMost at most; where all are in vain, the
// next come later and later and try less and less, for code that is in no table may
// stay so.
const (
	lookSoon  = 5 * time.Millisecond
	lookLate  = 500 * time.Millisecond
	lookTries = 10
	lookNext  = 200 * time.Microsecond
	lookMost  = 20 * time.Millisecond
)

// refreshTables follows the target's mappings again, and those of its children.
func (p *Probes) refreshTables() error {
	if p.tables == nil {
		return nil
	}
	p.tables.looked, p.tables.missed = monotonic(), p.misses()
	return p.compileTables()
}

// compileTables makes tables of what the target and its children have mapped.
// That one of them has ended is no error here: what is known of it stays.
func (p *Probes) compileTables() error {
	if p.tables == nil {
		return nil
	}
	pids := []int{p.options.Target}
	if p.options.Children != nil {
		children, err := p.options.Children()
		if err != nil {
			return fmt.Errorf("unwind stacks of the target's children: %w", err)
		}
		pids = append(pids, children...)
	}
	p.tables.keep(pids)
	if err := p.tables.refresh(); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// refreshOnMisses does so when walks have ended where no code was known: the
// target has loaded a library, or run another program.
func (p *Probes) refreshOnMisses() error {
	t := p.tables
	if t == nil || p.misses() == t.missed || time.Duration(monotonic()-t.looked) < t.patience {
		return nil
	}
	before, until := t.published, monotonic()+int64(lookMost)
	for more := int(lookTries * lookSoon / t.patience); ; more-- {
		if err := p.refreshTables(); err != nil {
			return err
		}
		if t.published != before || more == 0 || monotonic() > until {
			break
		}
		time.Sleep(lookNext) // on one CPU the target goes on only while we don't
	}
	if t.published != before {
		t.patience = lookSoon
	} else {
		t.patience = min(2*t.patience, lookLate)
	}
	return nil
}

// misses counts the walks that ended for want of a mapping.
func (p *Probes) misses() uint64 {
	var ends [32]uint64
	if err := p.objects.UnwindEnds.Get(&ends); err != nil {
		return 0
	}
	return ends[bpf.ProbeUnwindEndUNWIND_PROCESS] + ends[bpf.ProbeUnwindEndUNWIND_UNMAPPED] +
		ends[bpf.ProbeUnwindEndUNWIND_NO_ROW]
}
