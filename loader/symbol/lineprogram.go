// SPDX-License-Identifier: Apache-2.0

package symbol

import "time"

// clockEvery is how many instructions are carried out between looks at the clock.
const clockEvery = 4096

// lineProgram is the machine that a line table is written for (DWARF 5, 6.2). All
// its instructions take a byte or more, and none goes back.
type lineProgram struct {
	cursor
	sections lineSections
	table    lineTable

	wide          bool   // 64-bit DWARF
	step, perStep uint64 // bytes of an instruction of the processor, and operations in it
	lineBase      int64
	lineRange     uint64
	special       byte      // the first instruction that moves both address and line
	arguments     [256]byte // of instructions, by their numbers

	address, operation, file uint64
	line                     int64
}

const (
	lineExtended = iota
	lineCopy
	lineAdvanceAddress
	lineAdvanceLine
	lineSetFile
	_ // column
	_ // statement
	_ // basic block
	lineAddConstant
	lineAddFixed
)

const (
	lineEndSequence = 1 + iota
	lineSetAddress
	lineDefineFile
)

// limit cuts off what is behind the next bytes.
func (p *lineProgram) limit(length uint64) {
	if length > uint64(len(p.data)) {
		p.broken = true
		return
	}
	p.data = p.data[:length]
}

func (p *lineProgram) begin() { p.address, p.operation, p.file, p.line = 0, 0, 1, 1 }

func (p *lineProgram) advance(operations uint64) {
	operations += p.operation
	p.address += p.step * (operations / p.perStep)
	p.operation = operations % p.perStep
}

func (p *lineProgram) emit(end bool) {
	p.table.rows = append(p.table.rows, row{p.address, uint32(p.file), int32(p.line), end})
}

// run carries the program out, for at most room rows.
func (p *lineProgram) run(room int, until time.Time) {
	p.begin()
	for n := 1; len(p.data) > 0 && !p.broken && len(p.table.rows) < room; n++ {
		if n%clockEvery == 0 && time.Now().After(until) {
			return
		}
		switch code := p.u8(); {
		case code >= p.special:
			p.advance(uint64(code-p.special) / p.lineRange)
			p.line += p.lineBase + int64(uint64(code-p.special)%p.lineRange)
			p.emit(false)
		case code == lineExtended:
			p.extended()
		case code == lineCopy:
			p.emit(false)
		case code == lineAdvanceAddress:
			p.advance(p.uleb())
		case code == lineAdvanceLine:
			p.line += p.sleb()
		case code == lineSetFile:
			p.file = p.uleb()
		case code == lineAddConstant:
			p.advance(uint64(255-p.special) / p.lineRange)
		case code == lineAddFixed:
			p.address += uint64(p.u16())
			p.operation = 0
		default:
			for range p.arguments[code] {
				p.uleb()
			}
		}
	}
}

// extended carries out an instruction that says how long it is.
func (p *lineProgram) extended() {
	rest := p.data
	length := p.uleb()
	head := uint64(len(rest) - len(p.data))
	if p.broken || length > uint64(len(p.data)) {
		p.broken = true
		return
	}
	rest = rest[head+length:]
	p.data = p.data[:length]
	switch p.u8() {
	case lineEndSequence:
		p.emit(true)
		p.begin()
	case lineSetAddress:
		switch length - 1 {
		case 4:
			p.address = uint64(p.u32())
		case 8:
			p.address = p.u64()
		default:
			p.broken = true
		}
		p.operation = 0
	case lineDefineFile:
		p.olderEntry()
	}
	p.data = rest
}
