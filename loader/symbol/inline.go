// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// dwarfBound is the most bytes of debug information, unpacked, that are read
	// of one object.
	dwarfBound = 512 << 20
	// dwarfTime is how long may be spent on the debug information of one object.
	dwarfTime = 3 * time.Second
	// rangesBound is the most bytes of the lists of ranges, of which one entry after
	// the other may name the same; unitRanges is how many ranges of one unit's
	// functions are kept.
	rangesBound = 64 << 20
	unitRanges  = 1 << 20
	// inlineDepth and originHops bound what a broken file can ask for.
	inlineDepth = 64
	originHops  = 8
	lineBound   = 8 << 20 // rows of one unit's line table
)

var errSlow = errors.New("its debug information takes too long to read; some functions that were put into others have no names")

// lines answers which functions were put into others at an address, and on what
// lines, from DWARF. Only the units that hold an address which is asked for are
// read, each once.
type lines struct {
	data  *dwarf.Data
	left  time.Duration
	units []*unit
	err   error
}

// unit is what is kept of a compilation unit.
type unit struct {
	ranges    [][2]uint64
	functions []function // definitions with code, in the file's order
	rows      []row
	files     []*dwarf.LineFile
}

type function struct {
	ranges [][2]uint64
	entry  dwarf.Offset
}

// row says that from an address on code is of a line.
type row struct {
	address uint64
	file    string
	line    int
	end     bool // of a sequence: no line from here
}

// openLines prepares the debug information of an object or of the file that was
// split off it; nil without.
func (o *object) openLines() (l *lines, err error) {
	defer guard(&err, o.path)
	of := o
	if o.elf.Section(".debug_info") == nil && o.elf.Section(".zdebug_info") == nil && o.debug != nil {
		of = o.debug
	}
	var total uint64
	found := false
	for _, s := range of.elf.Sections {
		if strings.HasPrefix(s.Name, ".debug_") || strings.HasPrefix(s.Name, ".zdebug_") {
			found = found || strings.HasSuffix(s.Name, "debug_info")
			total += s.Size // unpacked, as the header says
			lists := strings.HasSuffix(s.Name, "ranges") || strings.HasSuffix(s.Name, "rnglists")
			if s.FileSize > uint64(of.size) || total > dwarfBound || lists && s.Size > rangesBound {
				return nil, fmt.Errorf("read %s: %d bytes of debug information are too many", of.path, total)
			}
		}
	}
	if !found {
		return nil, nil
	}
	data, err := of.elf.DWARF()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", of.path, err)
	}
	return &lines{data: data, left: dwarfTime}, nil
}

// at gives the functions at an address, the innermost first; the last is the one
// that all others were put into. Empty where nothing is known.
func (l *lines) at(address uint64) (frames []results.Frame) {
	if l == nil || l.left <= 0 {
		return nil
	}
	began := time.Now()
	defer func() {
		if r := recover(); r != nil {
			frames, l.left = nil, 0
			l.err = fmt.Errorf("its debug information is broken: %v", r)
		}
		if l.left -= time.Since(began); l.left <= 0 && l.err == nil {
			l.err = errSlow
		}
	}()
	u := l.unit(address, began.Add(l.left))
	if u == nil {
		return nil
	}
	file, line := u.line(address)
	for _, f := range u.functions {
		if holds(f.ranges, address) {
			frames = l.inlined(u, f.entry, address, began.Add(l.left))
			break
		}
	}
	if len(frames) == 0 {
		return nil
	}
	// A call's line stands with what was called; each frame wants its own.
	for i := range frames {
		frames[i].File, file = file, frames[i].File
		frames[i].Line, line = line, frames[i].Line
		frames[i].Inlined = i < len(frames)-1
	}
	return frames
}

// unit finds the compilation unit that an address is of.
func (l *lines) unit(address uint64, until time.Time) *unit {
	for _, u := range l.units {
		if holds(u.ranges, address) {
			return u
		}
	}
	r := l.data.Reader()
	root, err := r.SeekPC(address)
	if err != nil {
		return nil
	}
	u := &unit{}
	if u.ranges, err = l.data.Ranges(root); err != nil {
		return nil
	}
	l.readLines(u, root, until)
	l.readFunctions(u, r, until)
	l.units = append(l.units, u)
	return u
}

// readFunctions lists the definitions of a unit, whose root r has just given.
func (l *lines) readFunctions(u *unit, r *dwarf.Reader, until time.Time) {
	depth, kept := 1, 0
	for depth > 0 && kept < unitRanges {
		if time.Now().After(until) {
			return
		}
		e, err := r.Next()
		if err != nil || e == nil {
			return
		}
		switch e.Tag {
		case 0:
			depth--
			continue
		case dwarf.TagCompileUnit, dwarf.TagPartialUnit, dwarf.TagTypeUnit, dwarf.TagSkeletonUnit:
			return // the next one
		case dwarf.TagSubprogram:
			if ranges, err := l.data.Ranges(e); err == nil && len(ranges) > 0 {
				u.functions = append(u.functions, function{ranges, e.Offset})
				kept += len(ranges)
			}
			skip(r, e, until)
		case dwarf.TagNamespace, dwarf.TagClassType, dwarf.TagStructType, dwarf.TagModule:
			if e.Children {
				depth++
			}
		default:
			skip(r, e, until)
		}
	}
}

// skip passes over what is below an entry that r has just given. Unlike the
// reader's own SkipChildren it does not call itself for each level: a file may nest
// as deep as it is long, and a stack that overflows ends the program.
func skip(r *dwarf.Reader, e *dwarf.Entry, until time.Time) {
	depth := 0
	for steps := 1; e != nil; steps++ {
		sibling, told := e.Val(dwarf.AttrSibling).(dwarf.Offset)
		switch {
		case e.Tag == 0:
			depth--
		case e.Children && told && sibling > e.Offset:
			r.Seek(sibling) // forwards only, so that it ends
		case e.Children:
			depth++
		}
		if depth <= 0 || steps%4096 == 0 && time.Now().After(until) {
			return
		}
		var err error
		if e, err = r.Next(); err != nil {
			return
		}
	}
}

// inlined walks down from a function to the innermost that holds the address.
// File and Line of each frame are those of the call that it was put in the place
// of.
func (l *lines) inlined(u *unit, at dwarf.Offset, address uint64, until time.Time) []results.Frame {
	r := l.data.Reader()
	r.Seek(at)
	root, err := r.Next()
	if err != nil || root == nil {
		return nil
	}
	frames := []results.Frame{l.frame(u, root)}
	for depth := 0; root.Children && depth >= 0 && len(frames) < inlineDepth; {
		if time.Now().After(until) {
			break
		}
		e, err := r.Next()
		if err != nil || e == nil {
			break
		}
		if e.Tag == 0 {
			depth--
			continue
		}
		inside := false
		if e.Tag == dwarf.TagInlinedSubroutine || e.Tag == dwarf.TagLexDwarfBlock {
			ranges, err := l.data.Ranges(e)
			inside = err == nil && holds(ranges, address)
		}
		switch {
		case !inside:
			skip(r, e, until)
			continue
		case e.Tag == dwarf.TagInlinedSubroutine:
			frames = append(frames, l.frame(u, e))
		}
		if !e.Children {
			break
		}
		depth = 0 // no way back: what holds the address is in here
	}
	slices.Reverse(frames)
	return frames
}

// frame names a function's or an inlined call's entry.
func (l *lines) frame(u *unit, e *dwarf.Entry) results.Frame {
	var f results.Frame
	f.Line = int(number(e, dwarf.AttrCallLine))
	if i := number(e, dwarf.AttrCallFile); i >= 0 && int(i) < len(u.files) && u.files[i] != nil {
		f.File = u.files[i].Name
	}
	for hop := 0; hop < originHops && e != nil; hop++ {
		if name, ok := e.Val(dwarf.AttrLinkageName).(string); ok {
			f.Function, f.Symbol = demangled(name)
			return f
		}
		if name, ok := e.Val(dwarf.AttrName).(string); ok && f.Function == "" {
			f.Function = name
		}
		next, ok := e.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset)
		if !ok {
			next, ok = e.Val(dwarf.AttrSpecification).(dwarf.Offset)
		}
		if !ok {
			break
		}
		r := l.data.Reader()
		r.Seek(next)
		var err error
		if e, err = r.Next(); err != nil {
			break
		}
	}
	return f
}

func number(e *dwarf.Entry, attr dwarf.Attr) int64 {
	n, ok := e.Val(attr).(int64)
	if !ok {
		return 0
	}
	return n
}

// readLines reads a unit's line table.
func (l *lines) readLines(u *unit, root *dwarf.Entry, until time.Time) {
	r, err := l.data.LineReader(root)
	if err != nil || r == nil {
		return
	}
	u.files = r.Files()
	var e dwarf.LineEntry
	for n := 0; n < lineBound; n++ {
		if n%4096 == 4095 && time.Now().After(until) {
			break
		}
		if r.Next(&e) != nil {
			break
		}
		name := ""
		if e.File != nil {
			name = e.File.Name
		}
		u.rows = append(u.rows, row{e.Address, name, e.Line, e.EndSequence})
	}
	slices.SortStableFunc(u.rows, func(a, b row) int {
		switch {
		case a.address < b.address:
			return -1
		case a.address > b.address:
			return 1
		case a.end && !b.end: // one sequence ends where another begins
			return -1
		case b.end && !a.end:
			return 1
		}
		return 0
	})
}

// line is the source line of an address.
func (u *unit) line(address uint64) (file string, line int) {
	i, _ := slices.BinarySearchFunc(u.rows, address, func(r row, a uint64) int {
		if r.address <= a {
			return -1
		}
		return 1
	})
	if i == 0 || u.rows[i-1].end {
		return "", 0
	}
	return u.rows[i-1].file, u.rows[i-1].line
}

func holds(ranges [][2]uint64, address uint64) bool {
	return slices.ContainsFunc(ranges, func(r [2]uint64) bool { return address >= r[0] && address < r[1] })
}
