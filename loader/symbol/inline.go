// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"debug/dwarf"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipcprobe/ipcprobe/results"
)

const (
	// rangesKept and rowsKept are how many ranges, of units and their functions, and
	// how many lines are kept of one object.
	rangesKept = 4 << 20
	rowsKept   = 8 << 20
	// inlineDepth and originHops bound what a broken file can ask for.
	inlineDepth = 64
	originHops  = 8
)

var (
	errSlow  = errors.New("its debug information takes too long to read; some functions that were put into others have no names")
	errLarge = errors.New("its debug information is too large; some functions that were put into others have no names")
)

// lines answers which functions were put into others at an address, and on what
// lines, from DWARF. Only the units that hold an address which is asked for are
// read, each once.
type lines struct {
	data   *dwarf.Data
	roots  []dwarf.Offset // each unit's first entry
	tables lineSections
	left   time.Duration
	all    *allowance // what is left for all objects
	units  []*unit
	ranges int // that are kept
	rows   int
	err    error
}

// unit is what is kept of a compilation unit.
type unit struct {
	ranges    [][2]uint64
	functions []function // definitions with code, in the file's order
	lines     *lineTable // nil without
}

type function struct {
	ranges [][2]uint64
	entry  dwarf.Offset
}

// at gives the functions at an address, the innermost first; the last is the one
// that all others were put into. Empty where nothing is known.
func (l *lines) at(address uint64) (frames []results.Frame) {
	if l == nil || l.left <= 0 || l.all.time <= 0 {
		return nil
	}
	began := time.Now()
	until := began.Add(min(l.left, l.all.time))
	defer func() {
		if r := recover(); r != nil {
			frames, l.left = nil, 0
			l.err = fmt.Errorf("its debug information is broken: %v", r)
		}
		spent := time.Since(began)
		l.all.time -= spent
		if l.left -= spent; (l.left <= 0 || l.all.time <= 0) && l.err == nil {
			l.err = errSlow
		}
	}()
	u := l.unit(address, until)
	if u == nil {
		return nil
	}
	file, line := u.lines.at(address)
	for _, f := range u.functions {
		if holds(f.ranges, address) {
			frames = l.inlined(u, f.entry, address, until)
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
	for _, at := range l.roots {
		if time.Now().After(until) {
			return nil
		}
		r.Seek(at)
		root, err := r.Next()
		if err != nil || root == nil {
			continue
		}
		ranges, err := l.data.Ranges(root)
		if err != nil || !holds(ranges, address) {
			continue
		}
		if !l.keep(len(ranges)) {
			return nil
		}
		u := &unit{ranges: ranges}
		l.readLines(u, root, until)
		l.readFunctions(u, r, until)
		l.units = append(l.units, u)
		return u
	}
	return nil
}

// keep says that there is room for so many more ranges.
func (l *lines) keep(ranges int) bool {
	if l.ranges+ranges > rangesKept {
		l.left, l.err = 0, errLarge
		return false
	}
	l.ranges += ranges
	return true
}

// readLines reads the line table of a unit.
func (l *lines) readLines(u *unit, root *dwarf.Entry, until time.Time) {
	if at, ok := root.Val(dwarf.AttrStmtList).(int64); ok {
		compiled, _ := root.Val(dwarf.AttrCompDir).(string)
		if u.lines = readLineTable(l.tables, at, compiled, rowsKept-l.rows, until); u.lines != nil {
			l.rows += len(u.lines.rows)
		}
		if l.rows >= rowsKept {
			l.left, l.err = 0, errLarge
		}
	}
}

// readFunctions lists the definitions of a unit, whose root r has just given.
func (l *lines) readFunctions(u *unit, r *dwarf.Reader, until time.Time) {
	for depth := 1; depth > 0; {
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
				if !l.keep(len(ranges)) {
					return
				}
				u.functions = append(u.functions, function{ranges, e.Offset})
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
		if depth <= 0 || steps%16 == 0 && time.Now().After(until) {
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
	f.File = u.lines.path(uint64(number(e, dwarf.AttrCallFile)))
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

func holds(ranges [][2]uint64, address uint64) bool {
	return slices.ContainsFunc(ranges, func(r [2]uint64) bool { return address >= r[0] && address < r[1] })
}
