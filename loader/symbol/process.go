// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"errors"
	"fmt"

	"github.com/ipcprobe/ipcprobe/loader/mapping"
	"github.com/ipcprobe/ipcprobe/results"
)

// Process names the user addresses of one process.
type Process struct {
	pid      int
	mappings []mapping.Mapping
	objects  map[string]*object // by device and inode
}

// OpenProcess makes an empty Process; Refresh fills it.
func OpenProcess(pid int) *Process {
	return &Process{pid: pid, objects: make(map[string]*object)}
}

// Refresh reads the process's mappings and the symbols of files that are new.
// Call it now and then while the process lives. What can't be read is named by
// object and offset, and the error says why.
func (p *Process) Refresh() error {
	mappings, err := mapping.Read(p.pid)
	if err != nil {
		return err
	}
	if len(mappings) == 0 {
		return nil // ending: keep what is known
	}
	p.mappings = mappings
	var errs []error
	for _, m := range mappings {
		if _, known := p.objects[m.Key()]; known || !m.File() {
			continue
		}
		o, err := p.open(m)
		errs = append(errs, err)
		p.objects[m.Key()] = o
	}
	return errors.Join(errs...)
}

func (p *Process) open(m mapping.Mapping) (*object, error) {
	file, err := mapping.Open(p.pid, m)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return readObject(file)
}

// Frame names one user address. A return address belongs to the call before
// it, so for all but the leaf the byte before is looked up.
func (p *Process) Frame(address uint64, leaf bool) results.Frame {
	lookup := address
	if !leaf && lookup > 0 {
		lookup--
	}
	for _, m := range p.mappings {
		if lookup >= m.Start && lookup < m.End {
			return p.name(m, address, lookup)
		}
	}
	return results.Frame{Function: fmt.Sprintf("[unknown] 0x%x", address), Object: "[unknown]", Address: address}
}

func (p *Process) name(m mapping.Mapping, address, lookup uint64) results.Frame {
	frame := results.Frame{Object: m.Object(), Address: address, Offset: lookup - m.Start + m.Offset}
	o := p.objects[m.Key()]
	if o != nil {
		frame.BuildID = o.buildID
		frame.Offset = o.address(frame.Offset)
		if e, ok := o.functions.find(frame.Offset); ok {
			frame.Function = e.name
			return frame
		}
	}
	frame.Function = fmt.Sprintf("%s+0x%x", frame.Object, frame.Offset)
	return frame
}
