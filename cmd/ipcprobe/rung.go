// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/loader"
)

// hooking says where the probes are to hang.
type hooking struct {
	rung string
	btf  string
}

// flags declares the flags that say it.
func (h *hooking) flags(flags *pflag.FlagSet) {
	flags.StringVar(&h.rung, "rung", "", "hang the probes on `RUNG`: tp_btf, tracepoint, fentry, kprobe or\nsyscall\n(default: the best that this kernel takes, see doctor)")
	flags.StringVar(&h.btf, "btf", "", "the kernel’s type information from `FILE`, for a kernel that has none")
}

// into hands it to the loader's options.
func (h *hooking) into(options *loader.Options) (err error) {
	options.BTF = h.btf
	if options.Rung, err = loader.ParseRung(h.rung); err != nil {
		return fmt.Errorf("--rung: %w", err)
	}
	return nil
}

// check says what is wrong with the flags.
func (h *hooking) check() error { return h.into(&loader.Options{}) }
