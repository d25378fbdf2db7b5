// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"strings"
)

// listeningFlag is __SO_ACCEPTCON, which the kernel prints for a socket on
// which listen(2) was called.
const listeningFlag = 0x00010000

// unixRow is one socket of /proc/net/unix.
type unixRow struct {
	Flags uint64
	Type  SocketType
	Inode uint64
	Name  string // raw; an abstract name begins with '@' and has '@' for NUL
}

// parseUnixTable reads /proc/PID/net/unix. The kernel prints names raw, so a
// name may hold newlines, and a stranger may bind a name that looks like a row:
// a line that is no row continues the name of the row before it, and a row that
// was forged shows as a second row with an inode that was seen before (see
// listeningRows).
func parseUnixTable(text []byte) []unixRow {
	var rows []unixRow
	text = bytes.TrimSuffix(text, []byte("\n"))
	for i, line := range bytes.Split(text, []byte("\n")) {
		row, ok := parseUnixRow(line)
		switch {
		case ok:
			rows = append(rows, row)
		case i > 0 && len(rows) > 0:
			rows[len(rows)-1].Name += "\n" + string(line)
		}
	}
	return rows
}

// parseUnixRow reads one line, printed by the kernel as
// "%pK: %08X %08X %08X %04X %02X %5lu" and, for a bound socket, a blank and its
// name.
func parseUnixRow(line []byte) (unixRow, bool) {
	var row unixRow
	colon := bytes.Index(line, []byte(": "))
	if colon < 8 || colon > 16 {
		return row, false
	}
	if _, ok := hexadecimal(line[:colon]); !ok {
		return row, false
	}
	rest := line[colon+2:]
	var fields [5]uint64
	for i, width := range [...]int{8, 8, 8, 4, 2} {
		if len(rest) <= width || rest[width] != ' ' {
			return row, false
		}
		v, ok := hexadecimal(rest[:width])
		if !ok {
			return row, false
		}
		fields[i], rest = v, rest[width+1:]
	}
	rest = bytes.TrimLeft(rest, " ")
	number, name := rest, []byte(nil)
	if i := bytes.IndexByte(rest, ' '); i >= 0 {
		number, name = rest[:i], rest[i+1:]
	}
	inode, ok := decimal(number)
	if !ok {
		return row, false
	}
	return unixRow{Flags: fields[2], Type: SocketType(fields[3]), Inode: inode, Name: string(name)}, true
}

// serves says whether the socket is one that clients can find: it listens or, where
// there is nothing to listen for, has a name that somebody gave it.
func (r *unixRow) serves() bool {
	return r.Flags&listeningFlag != 0 || r.Type == Datagram && r.Name != "" && !autobound(r.Name)
}

// autobound says whether the kernel chose the name, as it does for clients that
// want to be answered: five hexadecimal digits in the abstract name space.
func autobound(name string) bool {
	digits, abstract := strings.CutPrefix(name, "@")
	_, hex := hexadecimal([]byte(digits))
	return abstract && hex && len(digits) == 5
}

// listeningRows gives the sockets of a table that clients can find, by inode. Where two rows
// claim one inode at least one of them is forged; the name is then dropped, and
// the user has to give it.
func listeningRows(rows []unixRow) map[uint64]unixRow {
	listening := make(map[uint64]unixRow)
	seen := make(map[uint64]bool, len(rows))
	for _, row := range rows {
		if row.Inode == 0 { // not held by any file
			continue
		}
		if seen[row.Inode] {
			if first, ok := listening[row.Inode]; ok {
				first.Name = ""
				listening[row.Inode] = first
			}
			continue
		}
		seen[row.Inode] = true
		if row.serves() {
			listening[row.Inode] = row
		}
	}
	return listening
}

// hexadecimal reads a number of at most 16 hexadecimal digits.
func hexadecimal(word []byte) (uint64, bool) {
	if len(word) == 0 || len(word) > 16 {
		return 0, false
	}
	var v uint64
	for _, c := range word {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'a' && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		case c >= 'A' && c <= 'F':
			v = v<<4 | uint64(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
