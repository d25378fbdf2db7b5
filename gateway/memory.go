// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Memory is a reading of a process's resident memory, in bytes. What the kernel
// does not tell is -1.
type Memory struct {
	RSS    int64  // pages in memory, shared ones in full
	PSS    int64  // the same, each shared page divided by its users
	Anon   int64  // of RSS: heap, stacks, private data
	File   int64  // of RSS: pages of mapped files
	Peak   int64  // the highest RSS of the process's life so far (VmHWM)
	Source string // the file of /proc that RSS is from: "smaps_rollup" or "status"
}

// MemoryReader reads a process's memory again and again through the same open
// files. They stay those of the process: once it has ended a read fails, even
// when its number went to another.
type MemoryReader struct {
	rollup, status *os.File
	text           [8192]byte
}

// OpenMemory opens a target's memory figures. smaps_rollup (Linux 4.14) needs
// the right to trace the target; without it RSS is from status, which the
// kernel counts in batches (some pages a thread too few or too many).
func OpenMemory(t *Target) (*MemoryReader, error) {
	tried := fmt.Sprintf("read the memory of process %d (%s)", t.PID, Printable(t.Name))
	status, err := os.Open(procPath(t.PID, "status"))
	if err != nil {
		return nil, processError(tried, t.PID, err)
	}
	r := &MemoryReader{status: status}
	if rollup, err := os.Open(procPath(t.PID, "smaps_rollup")); err == nil {
		r.rollup = rollup
	}
	if err := t.Check(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Read takes one reading. smaps_rollup makes the kernel walk the target's page
// tables, some 5 µs for each MiB of small pages, and the target's mmap and munmap wait
// meanwhile: it is not for every millisecond. The error is an *Error with
// reason Ended when the target has ended.
func (r *MemoryReader) Read() (Memory, error) {
	m := Memory{RSS: -1, PSS: -1, Anon: -1, File: -1, Peak: -1}
	text, err := r.read(r.status)
	if err != nil {
		return m, processError("read the memory of the target", 0, err)
	}
	set := func(to *int64, key string) {
		if v, ok := bytesOf(text, key); ok {
			*to = v
		}
	}
	set(&m.RSS, "VmRSS")
	set(&m.Anon, "RssAnon")
	set(&m.File, "RssFile")
	set(&m.Peak, "VmHWM")
	if m.RSS < 0 { // a process without memory is about to end
		return m, &Error{Reason: Ended, Tried: "read the memory of the target", Said: "it ended meanwhile"}
	}
	m.Source = "status"
	if r.rollup == nil {
		return m, nil
	}
	if text, err = r.read(r.rollup); err != nil {
		return m, nil
	}
	if rss, ok := bytesOf(text, "Rss"); ok && rss > 0 {
		m.RSS, m.Source = rss, "smaps_rollup"
		set(&m.PSS, "Pss")
		set(&m.Anon, "Anonymous")
	}
	return m, nil
}

func (r *MemoryReader) read(f *os.File) ([]byte, error) {
	n, err := f.ReadAt(r.text[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return bytes.TrimSpace(r.text[:n]), nil
}

// Close closes the files. It may be called again.
func (r *MemoryReader) Close() error {
	var errs []error
	for _, f := range []**os.File{&r.status, &r.rollup} {
		if *f != nil {
			errs = append(errs, (*f).Close())
			*f = nil
		}
	}
	return errors.Join(errs...)
}
