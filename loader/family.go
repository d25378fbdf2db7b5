// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// followChildren makes the target's children known to the probes, where they are
// to be followed. The program that sees a fork attaches first, so that a child
// is either listed or seen; what has ended since the last slice goes before.
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
	children, err := p.options.Children()
	if err != nil {
		return err
	}
	for _, pid := range children {
		if err := p.objects.Family.Put(uint32(pid), uint8(0)); err != nil {
			return fmt.Errorf("follow child process %d: %w", pid, err)
		}
	}
	return nil
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
