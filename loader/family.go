// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// followChildren makes the target's children known to the probes, where they are
// to be followed. The program that sees a fork attaches first, and the list is
// taken until it brings nothing new: what a process forked before it was known
// itself is on the next list. What has ended since the last slice goes before.
func (p *Probes) followChildren() error {
	if p.options.Children == nil {
		return nil
	}
	if err := p.forgetChildren(); err != nil {
		return err
	}
	l, err := p.fork.attach()
	if err != nil {
		return unsupported("attach "+p.fork.name, err)
	}
	p.links = append(p.links, l)
	for range mostLists {
		more, err := p.listChildren()
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// mostLists bounds how often the children are listed, for a target that forks
// without end.
const mostLists = 10

// listChildren adds the children that there are now; more says that some were new.
func (p *Probes) listChildren() (more bool, err error) {
	children, err := p.options.Children()
	if err != nil {
		return false, err
	}
	for _, pid := range children {
		err := p.objects.Family.Update(uint32(pid), uint8(0), ebpf.UpdateNoExist)
		switch {
		case err == nil:
			more = true
		case !errors.Is(err, ebpf.ErrKeyExist):
			return false, fmt.Errorf("follow child process %d: %w", pid, err)
		}
	}
	return more, nil
}

// forgetChildren empties the set. Only while the probes are off.
func (p *Probes) forgetChildren() error {
	var pid uint32
	for {
		err := p.objects.Family.NextKey(nil, &pid)
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return nil
		}
		if err == nil {
			err = p.objects.Family.Delete(pid)
		}
		if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("forget the children of the slice before: %w", err)
		}
	}
}
