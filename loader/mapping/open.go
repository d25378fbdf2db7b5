// SPDX-License-Identifier: Apache-2.0

//go:build unix

package mapping

import (
	"fmt"
	"os"
	"path"
	"strconv"

	"golang.org/x/sys/unix"
)

// Open opens the mapped file itself (map_files, which a deleted or replaced
// file is still to be had through), else the path below the target's root.
func Open(pid int, m Mapping) (*os.File, error) {
	exact := fmt.Sprintf("/proc/%d/map_files/%x-%x", pid, m.Start, m.End)
	rooted := path.Join(fmt.Sprintf("/proc/%d/root", pid), m.Path)
	var failure error
	for _, name := range []string{exact, rooted} {
		// Not blocking, in case a fifo stands where the file was.
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			failure = fmt.Errorf("open %s: %w", m.Path, err)
			continue
		}
		file := os.NewFile(uintptr(fd), m.Path)
		if failure = check(file, m, name == rooted); failure == nil {
			return file, nil
		}
		file.Close()
	}
	return nil, failure
}

// check refuses what can't be the mapped file.
func check(file *os.File, m Mapping, byPath bool) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return fmt.Errorf("open %s: not a regular file", m.Path)
	}
	if byPath && strconv.FormatUint(st.Ino, 10) != m.Inode {
		return fmt.Errorf("open %s: the file was replaced since it was mapped", m.Path)
	}
	return nil
}
