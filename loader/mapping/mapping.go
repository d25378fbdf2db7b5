// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
)

// bound is the largest /proc/PID/maps that is read, in bytes.
const bound = 64 << 20

// Mapping is one executable mapping of a process.
type Mapping struct {
	Start, End    uint64 // addresses in the process
	Offset        uint64 // of Start in the file
	Path          string // empty for anonymous memory; "[vdso]"
	Device, Inode string // name the file, whatever its path says now
}

// Key names the mapped file among all that one process has mapped.
func (m Mapping) Key() string { return m.Device + ":" + m.Inode }

// File says that a file lies behind the mapping.
func (m Mapping) File() bool { return strings.HasPrefix(m.Path, "/") }

// Object is the base name of the mapped file; memory without one that is
// executed (a JIT) is called [anonymous].
func (m Mapping) Object() string {
	switch {
	case m.Path == "":
		return "[anonymous]"
	case strings.HasPrefix(m.Path, "["):
		return m.Path
	}
	return path.Base(strings.TrimSuffix(m.Path, " (deleted)"))
}

// Read gives the executable mappings of a process in order of address. A
// process that is ending has none.
func Read(pid int) ([]Mapping, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return nil, fmt.Errorf("read the target's mappings: %w", err)
	}
	defer file.Close()
	mappings, err := Parse(io.LimitReader(file, bound))
	if err != nil {
		return nil, fmt.Errorf("read the target's mappings: %w", err)
	}
	return mappings, nil
}

// Parse takes the executable lines of /proc/PID/maps.
func Parse(r io.Reader) ([]Mapping, error) {
	var mappings []Mapping
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		m, executable, ok := parseLine(lines.Text())
		if ok && executable {
			mappings = append(mappings, m)
		}
	}
	return mappings, lines.Err()
}

// parseLine parses "start-end perms offset dev inode   path".
func parseLine(line string) (m Mapping, executable, ok bool) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 5 {
		return m, false, false
	}
	low, high, found := strings.Cut(fields[0], "-")
	if !found {
		return m, false, false
	}
	var errs [3]error
	m.Start, errs[0] = strconv.ParseUint(low, 16, 64)
	m.End, errs[1] = strconv.ParseUint(high, 16, 64)
	m.Offset, errs[2] = strconv.ParseUint(fields[2], 16, 64)
	if errors.Join(errs[:]...) != nil || m.End < m.Start {
		return m, false, false
	}
	m.Device, m.Inode = fields[3], fields[4]
	if len(fields) == 6 {
		m.Path = strings.TrimLeft(fields[5], " ")
	}
	return m, strings.Contains(fields[1], "x"), true
}
