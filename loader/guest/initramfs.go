// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// archive writes a cpio archive in the newc format, which is what the kernel
// reads as an initramfs (Documentation/driver-api/early-userspace).
type archive struct {
	w       *bufio.Writer
	entries int
	folders map[string]bool
}

// pack writes the initramfs: folders, the console, the files and the job.
func pack(name string, files []file, job job) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	a := &archive{w: bufio.NewWriterSize(out, 1<<20), folders: map[string]bool{".": true, "/": true}}
	for _, folder := range []string{"dev", "proc", "sys", "tmp", "run", "work", "bin"} {
		if err := a.folder(folder); err != nil {
			return err
		}
	}
	// The kernel opens it for process 1 before that can mount devtmpfs.
	if err := a.entry("dev/console", unix.S_IFCHR|0o600, nil, unix.Mkdev(5, 1)); err != nil {
		return err
	}
	for _, f := range files {
		if err := a.copy(f); err != nil {
			return err
		}
	}
	text, err := json.Marshal(job)
	if err != nil {
		return err
	}
	if err := a.entry("job.json", unix.S_IFREG|0o600, text, 0); err != nil {
		return err
	}
	if err := a.entry("TRAILER!!!", 0, nil, 0); err != nil {
		return err
	}
	return a.w.Flush()
}

func (a *archive) copy(f file) error {
	content, err := os.ReadFile(f.host)
	if err != nil {
		return err
	}
	info, err := os.Stat(f.host)
	if err != nil {
		return err
	}
	if err := a.folder(path.Dir(f.guest)); err != nil {
		return err
	}
	return a.entry(f.guest, unix.S_IFREG|uint32(info.Mode().Perm()), content, 0)
}

// folder writes the folder and those above it, once.
func (a *archive) folder(name string) error {
	if a.folders[name] {
		return nil
	}
	a.folders[name] = true
	if err := a.folder(path.Dir(name)); err != nil {
		return err
	}
	return a.entry(name, unix.S_IFDIR|0o755, nil, 0)
}

// entry writes one header of 110 characters with its name and content, each
// filled up to a multiple of four.
func (a *archive) entry(name string, mode uint32, content []byte, device uint64) error {
	a.entries++
	header := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.entries, mode, 0, 0, 1, 0, len(content), 0, 0,
		unix.Major(device), unix.Minor(device), len(name)+1, 0, name)
	for _, part := range []string{header, string(content)} {
		if _, err := io.WriteString(a.w, part+"\x00\x00\x00"[:(4-len(part)%4)%4]); err != nil {
			return err
		}
	}
	return nil
}
