// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipcprobe/ipcprobe/results"
)

// mapsBound is the largest /proc/PID/maps that is read.
const mapsBound = 64 << 20

// mapping is one executable mapping of the target.
type mapping struct {
	start, end, offset uint64
	path               string
	device, inode      string // name the file, whatever its path says now
}

// Process names the user addresses of one process.
type Process struct {
	pid      int
	mappings []mapping
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
	file, err := os.Open(fmt.Sprintf("/proc/%d/maps", p.pid))
	if err != nil {
		return fmt.Errorf("read the target's mappings: %w", err)
	}
	defer file.Close()
	mappings, err := readMappings(io.LimitReader(file, mapsBound))
	if err != nil {
		return fmt.Errorf("read the target's mappings: %w", err)
	}
	if len(mappings) == 0 {
		return nil // ending: keep what is known
	}
	p.mappings = mappings
	var errs []error
	for _, m := range mappings {
		if _, known := p.objects[m.key()]; known || !strings.HasPrefix(m.path, "/") {
			continue
		}
		o, err := p.open(m)
		errs = append(errs, err)
		p.objects[m.key()] = o
	}
	return errors.Join(errs...)
}

func (m mapping) key() string { return m.device + ":" + m.inode }

// open reads the mapped file itself (map_files, which a deleted or replaced
// file is still to be had through), else the path below the target's root.
func (p *Process) open(m mapping) (*object, error) {
	exact := fmt.Sprintf("/proc/%d/map_files/%x-%x", p.pid, m.start, m.end)
	rooted := path.Join(fmt.Sprintf("/proc/%d/root", p.pid), m.path)
	var failure error
	for _, name := range []string{exact, rooted} {
		// Not blocking, in case a fifo stands where the file was.
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			failure = fmt.Errorf("open %s: %w", m.path, err)
			continue
		}
		file := os.NewFile(uintptr(fd), m.path)
		defer file.Close()
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			failure = fmt.Errorf("open %s: not a regular file", m.path)
			continue
		}
		if name == rooted && strconv.FormatUint(st.Ino, 10) != m.inode {
			failure = fmt.Errorf("open %s: the file was replaced since it was mapped", m.path)
			continue
		}
		return readObject(file)
	}
	return nil, failure
}

// readMappings parses the executable lines of /proc/PID/maps.
func readMappings(r io.Reader) ([]mapping, error) {
	var mappings []mapping
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		m, executable, ok := parseMapping(lines.Text())
		if ok && executable {
			mappings = append(mappings, m)
		}
	}
	return mappings, lines.Err()
}

// parseMapping parses "start-end perms offset dev inode   path".
func parseMapping(line string) (m mapping, executable, ok bool) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 5 {
		return m, false, false
	}
	low, high, found := strings.Cut(fields[0], "-")
	if !found {
		return m, false, false
	}
	var errs [3]error
	m.start, errs[0] = strconv.ParseUint(low, 16, 64)
	m.end, errs[1] = strconv.ParseUint(high, 16, 64)
	m.offset, errs[2] = strconv.ParseUint(fields[2], 16, 64)
	if errors.Join(errs[:]...) != nil || m.end < m.start {
		return m, false, false
	}
	m.device, m.inode = fields[3], fields[4]
	if len(fields) == 6 {
		m.path = strings.TrimLeft(fields[5], " ")
	}
	return m, strings.Contains(fields[1], "x"), true
}

// Frame names one user address. A return address belongs to the call before
// it, so for all but the leaf the byte before is looked up.
func (p *Process) Frame(address uint64, leaf bool) results.Frame {
	lookup := address
	if !leaf && lookup > 0 {
		lookup--
	}
	for _, m := range p.mappings {
		if lookup >= m.start && lookup < m.end {
			return p.name(m, address, lookup)
		}
	}
	return results.Frame{Function: fmt.Sprintf("[unknown] 0x%x", address), Object: "[unknown]", Address: address}
}

func (p *Process) name(m mapping, address, lookup uint64) results.Frame {
	frame := results.Frame{Object: objectName(m.path), Address: address, Offset: lookup - m.start + m.offset}
	o := p.objects[m.key()]
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

// objectName is the base name of a mapped file; anonymous memory that is
// executed (a JIT) is called so.
func objectName(p string) string {
	if p == "" {
		return "[anonymous]"
	}
	if strings.HasPrefix(p, "[") {
		return p
	}
	return path.Base(strings.TrimSuffix(p, " (deleted)"))
}
