// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/massif"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// valgrind runs the target under massif: --valgrind.
type valgrind struct {
	wanted  bool
	program string // valgrind's path
	folder  string // temporary; massif.out is written to it when the target ends
	text    []byte // massif.out
}

// check says what is in the way, before anything is started.
func (v *valgrind) check(o *runOptions) error {
	if !v.wanted {
		return nil
	}
	switch {
	case len(o.command) == 0:
		return errors.New("--valgrind starts the target itself: give its command behind --")
	case o.heap:
		return errors.New("--valgrind and --heap exclude each other: both follow the allocator; leave one out")
	}
	program, err := exec.LookPath("valgrind")
	if err != nil {
		return errors.New("--valgrind needs the program valgrind, which is not in the PATH; install it (apt install valgrind), or take --heap, which needs none")
	}
	v.program = program
	return nil
}

// command is the target's command, under massif where that was asked for.
func (v *valgrind) command(target []string) ([]string, error) {
	if !v.wanted {
		return target, nil
	}
	folder, err := os.MkdirTemp("", "ipcprobe-massif-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for massif.out: %w", err)
	}
	v.folder = folder
	return append([]string{v.program, "--quiet", "--tool=massif", "--time-unit=ms", "--trace-children=no",
		"--massif-out-file=" + v.file(), "--"}, target...), nil
}

func (v *valgrind) file() string { return filepath.Join(v.folder, "massif.out") }

// take reads what massif wrote when the target ended.
func (v *valgrind) take(m *measurement) {
	if !v.wanted {
		return
	}
	m.warn("the target ran under valgrind's massif, on one core at a time and many times slower than by itself: throughput, times, CPU and the resident set are valgrind's; what its heap holds is right")
	text, err := os.ReadFile(v.file())
	var parsed *results.Massif
	if err == nil {
		parsed, err = massif.Read(bytes.NewReader(text))
	}
	if err != nil {
		m.warn("massif's view of the heap is missing: %v", err)
		return
	}
	v.text, m.memory.Massif = text, parsed
}

// close removes the temporary folder.
func (v *valgrind) close() {
	if v.folder != "" {
		_ = os.RemoveAll(v.folder) // only a copy is left in it
		v.folder = ""
	}
}

// write keeps massif.out in the run's folder.
func (v *valgrind) write(folder *store.Folder) error {
	if v.text == nil {
		return nil
	}
	return folder.Write("massif.out", func(w io.Writer) error {
		_, err := w.Write(v.text)
		return err
	})
}
