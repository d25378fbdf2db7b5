// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// monotonic reads CLOCK_MONOTONIC, ns.
func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0 // can't fail for this clock
	}
	return now.Nano()
}

// MemoryReader reads a process's memory again and again through the same open
// files. They stay those of the process: once it has ended a read fails, even
// when its number went to another.
type MemoryReader struct {
	rollup, status, stat, statm *os.File
	text                        [8192]byte
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
	for name, file := range map[string]**os.File{"smaps_rollup": &r.rollup, "stat": &r.stat, "statm": &r.statm} {
		if f, err := os.Open(procPath(t.PID, name)); err == nil {
			*file = f
		}
	}
	if err := t.Check(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Read takes one reading of everything. smaps_rollup makes the kernel walk the
// target's page tables, some 5 µs for each MiB of small pages, and the target's mmap and munmap wait
// meanwhile: it is not for every millisecond. The error is an *Error with
// reason Ended when the target has ended.
func (r *MemoryReader) Read() (results.MemoryLook, error) {
	m, err := r.Look()
	if err == nil {
		r.readRollup(&m)
	}
	return m, err
}

// Look is Read without smaps_rollup: its cost does not grow with the target's
// memory, and PSS is not known.
func (r *MemoryReader) Look() (results.MemoryLook, error) {
	m := results.MemoryLook{At: monotonic(), RSS: -1, PSS: -1, Anon: -1, File: -1, Peak: -1, Minor: -1, Major: -1}
	if err := r.readStatus(&m); err != nil {
		return m, err
	}
	if r.stat != nil {
		if text, err := r.read(r.stat); err == nil {
			m.Minor, m.Major = faultCounts(text)
		}
	}
	return m, nil
}

// readRollup takes the parts that smaps_rollup tells, where it may be read.
func (r *MemoryReader) readRollup(m *results.MemoryLook) {
	if r.rollup == nil {
		return
	}
	text, err := r.read(r.rollup)
	if err != nil {
		return
	}
	if rss, ok := bytesOf(text, "Rss"); ok && rss > 0 {
		m.RSS, m.Source = rss, "smaps_rollup"
		setBytes(&m.PSS, text, "Pss")
		setBytes(&m.Anon, text, "Anonymous")
		m.File = max(0, m.RSS-m.Anon)
	}
}

// readStatus takes what /proc/PID/status tells.
func (r *MemoryReader) readStatus(m *results.MemoryLook) error {
	text, err := r.read(r.status)
	if err != nil {
		return processError("read the memory of the target", 0, err)
	}
	setBytes(&m.RSS, text, "VmRSS")
	setBytes(&m.Anon, text, "RssAnon")
	setBytes(&m.File, text, "RssFile")
	setBytes(&m.Peak, text, "VmHWM")
	if shared, ok := bytesOf(text, "RssShmem"); ok && m.File >= 0 {
		m.File += shared
	}
	if m.RSS < 0 { // a process without memory is about to end
		return &Error{Reason: Ended, Tried: "read the memory of the target", Said: "it ended meanwhile"}
	}
	m.Source = "status"
	return nil
}

func setBytes(to *int64, text []byte, key string) {
	if v, ok := bytesOf(text, key); ok {
		*to = v
	}
}

// Glance gives RSS as statm tells it: some microseconds, and nothing of the target
// waits for it. The kernel counts it in batches, so it is up to 64 pages a CPU
// off; Linux before 6.2 32 pages a thread.
func (r *MemoryReader) Glance() (int64, error) {
	if r.statm == nil {
		return 0, errors.ErrUnsupported
	}
	text, err := r.read(r.statm)
	if err != nil {
		return 0, err
	}
	_, rest := nextWord(text)
	word, _ := nextWord(rest)
	pages, ok := decimal(word)
	if !ok || pages > 1<<40 {
		return 0, errors.New("read statm: not in the kernel's form")
	}
	return int64(pages) * int64(os.Getpagesize()), nil
}

// faultCounts reads minflt and majflt of a line of /proc/PID/stat; -1 where they
// are not there.
func faultCounts(stat []byte) (minor, major int64) {
	rest := stat[bytes.LastIndexByte(stat, ')')+1:]
	minor, major = -1, -1
	for field := 3; field <= 12; field++ {
		var word []byte
		word, rest = nextWord(rest)
		v, ok := decimal(word)
		switch {
		case field == 10 && ok:
			minor = int64(v)
		case field == 12 && ok:
			major = int64(v)
		}
	}
	return minor, major
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
	for _, f := range []**os.File{&r.status, &r.rollup, &r.stat, &r.statm} {
		if *f != nil {
			errs = append(errs, (*f).Close())
			*f = nil
		}
	}
	return errors.Join(errs...)
}
