// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipcprobe/ipcprobe/bpf"
)

// Unwinding is a process's unwind tables in maps of their own, for programs that
// are loaded apart from Probes and walk by bpf/src/unwind.h.
type Unwinding struct {
	tables *tables
	maps   map[string]*ebpf.Map
}

// OpenUnwinding compiles the tables of all that a process has mapped and hands
// them to the kernel. An object that can't be read ends stacks there and is no
// error.
func OpenUnwinding(pid int) (*Unwinding, error) {
	u := &Unwinding{tables: newTables(), maps: make(map[string]*ebpf.Map)}
	if err := u.tables.follow(pid); err != nil {
		return nil, err
	}
	spec, err := bpf.LoadProbe()
	if err != nil {
		return nil, fmt.Errorf("read the embedded probes: %w", err)
	}
	u.tables.size(spec)
	for _, name := range []string{
		bpf.ProbeMapUnwindRows, bpf.ProbeMapUnwindRules, bpf.ProbeMapUnwindMappings, bpf.ProbeMapUnwindProcesses,
	} {
		m, err := ebpf.NewMap(spec.Maps[name])
		if err != nil {
			return nil, errors.Join(unsupported("make room for the unwind tables", err), u.Close())
		}
		u.maps[name] = m
	}
	objects := &bpf.ProbeObjects{ProbeMaps: bpf.ProbeMaps{
		UnwindRows: u.maps[bpf.ProbeMapUnwindRows], UnwindRules: u.maps[bpf.ProbeMapUnwindRules],
		UnwindMappings: u.maps[bpf.ProbeMapUnwindMappings], UnwindProcesses: u.maps[bpf.ProbeMapUnwindProcesses],
	}}
	if err := u.tables.open(objects); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

// Maps are the tables by the names that unwind.h's programs have for them. They
// stay open until Close.
func (u *Unwinding) Maps() map[string]*ebpf.Map { return u.maps }

// Refresh looks for what the process has mapped since.
func (u *Unwinding) Refresh() error { return u.tables.refresh() }

// Close gives the tables back; it is idempotent.
func (u *Unwinding) Close() error {
	errs := []error{u.tables.close()}
	for name, m := range u.maps {
		errs = append(errs, m.Close())
		delete(u.maps, name)
	}
	return errors.Join(errs...)
}

// SharedMaps are the tables that these probes walk by and where they keep who asked
// for memory, for the programs of package memory, which are loaded apart. They stay
// open until Close.
func (p *Probes) SharedMaps() map[string]*ebpf.Map {
	o := &p.objects
	return map[string]*ebpf.Map{
		bpf.ProbeMapUnwindRows: o.UnwindRows, bpf.ProbeMapUnwindRules: o.UnwindRules,
		bpf.ProbeMapUnwindMappings: o.UnwindMappings, bpf.ProbeMapUnwindProcesses: o.UnwindProcesses,
		bpf.ProbeMapOrigins: o.Origins, bpf.ProbeMapPaths: o.Paths, bpf.ProbeMapOriginsLost: o.OriginsLost,
	}
}
