// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"debug/elf"
	"hash/crc32"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// debugBound is the largest separate file whose checksum is taken.
const debugBound = 2 << 30

// findDebug looks for the object's separate debug information, by build id and
// by .gnu_debuglink, below the target's root and then below ours: a build id is
// the same on both sides of a container. Nil when there is none.
func (o *object) findDebug(pid int) *object {
	if o.elf.Section(".debug_info") != nil || o.elf.Section(".zdebug_info") != nil {
		return nil
	}
	link, sum := o.debugLink()
	var names []string
	if len(o.buildID) > 2 {
		names = append(names, path.Join("/usr/lib/debug/.build-id", o.buildID[:2], o.buildID[2:]+".debug"))
	}
	byID := len(names)
	if link != "" {
		folder := path.Dir(strings.TrimSuffix(o.path, " (deleted)"))
		names = append(names, path.Join(folder, link), path.Join(folder, ".debug", link),
			path.Join("/usr/lib/debug", folder, link))
	}
	for _, root := range []string{"/proc/" + strconv.Itoa(pid) + "/root", "/"} {
		for i, name := range names {
			file := openBelow(root, name)
			if file == nil {
				continue
			}
			d, err := openObject(file)
			if err != nil {
				continue
			}
			if d.belongs(o) && (i < byID || d.buildID != "" && d.buildID == o.buildID || d.checksum(sum)) {
				return d
			}
			_ = d.close() // it was only read
		}
	}
	return nil
}

// belongs says that a file may be debug information of another: it has symbols
// or more, and the build id that the other has.
func (o *object) belongs(of *object) bool {
	if o.buildID != of.buildID && o.buildID != "" && of.buildID != "" {
		return false
	}
	return o.elf.Machine == of.elf.Machine && (o.elf.SectionByType(elf.SHT_SYMTAB) != nil || o.elf.Section(".debug_info") != nil)
}

// debugLink reads the name and the checksum of the file that was split off.
func (o *object) debugLink() (name string, sum uint32) {
	link := o.section(".gnu_debuglink", 4096)
	end := bytes.IndexByte(link, 0)
	if end <= 0 || (end+4)/4*4+4 > len(link) {
		return "", 0
	}
	name = string(link[:end])
	if name != path.Base(name) || name == ".." || name == "." {
		return "", 0 // a plain name, or somebody's trick
	}
	return name, o.elf.ByteOrder.Uint32(link[(end+4)/4*4:])
}

func (o *object) checksum(want uint32) bool {
	if o.size > debugBound {
		return false
	}
	h := crc32.NewIEEE()
	if _, err := io.Copy(h, io.NewSectionReader(o.file, 0, o.size)); err != nil {
		return false
	}
	return h.Sum32() == want
}

// openBelow opens a regular file below a root, which no link in it leads out of;
// nil when it is not there.
func openBelow(root, name string) *os.File {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), name)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		file.Close()
		return nil
	}
	return file
}
