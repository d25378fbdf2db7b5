// SPDX-License-Identifier: Apache-2.0

package unwind

// Kind says how the start of the caller's frame (the canonical frame address,
// CFA) is found. The values are those of enum unwind_cfa in bpf/src/rule.h.
type Kind uint8

const (
	CFAUnsupported Kind = iota // in a way that the walker does not know
	CFARegister                // base + CFAOffset
	CFALoad                    // *(base + CFAOffset) + CFAAdd
	CFAIndexed                 // *(base + CFAOffset + index << Shift) + CFAAdd
	CFAStub                    // base + CFAOffset, and 8 more behind byte CFAAdd of each 16: a PLT entry
)

// Where says where a register's value in the caller is. The values are those of
// enum unwind_where.
type Where uint8

const (
	Unsupported Where = iota // somewhere that the walker does not know
	Same                     // unchanged
	Undefined                // gone; of the return address: there is no caller
	AtCFA                    // in memory at CFA + offset
	AtStack                  // in memory at stack pointer + offset
	AtFrame                  // in memory at frame pointer + offset
	IsCFA                    // it is CFA + offset
	InRegister               // in the register that offset names
	OfParent                 // at CFA + offset, but Undefined in the leaf of a child that has just begun
)

// Rule says how to get from a frame to its caller. It is struct unwind_rule.
type Rule struct {
	CFAOffset, CFAAdd          int32
	Result, Frame, Saved       int32 // offsets
	Base, Index, Shift         uint8 // DWARF numbers of registers; of Index, left shift
	CFA                        Kind
	ResultIs, FrameIs, SavedIs Where
	Signal                     bool // a frame that the kernel made to deliver a signal
	_                          [4]uint8
}

// RuleBound is the most rules that there can be. A process with the usual
// libraries has some hundred.
const RuleBound = 1 << 14

// ruleUnsupported is the index of the zero Rule, which every dictionary has.
const ruleUnsupported = 0

// Rules is the dictionary that the rows of all objects share. The zero value is
// empty.
type Rules struct {
	list  []Rule
	index map[Rule]uint16
}

// All gives the rules by index. It only ever grows.
func (r *Rules) All() []Rule { return r.list }

// add gives the index of a rule; that of none when the dictionary is full.
func (r *Rules) add(rule Rule) uint16 {
	if r.index == nil {
		r.index = map[Rule]uint16{{}: ruleUnsupported}
		r.list = []Rule{{}}
	}
	if i, known := r.index[rule]; known {
		return i
	}
	if len(r.list) == RuleBound {
		return ruleUnsupported
	}
	i := uint16(len(r.list))
	r.list = append(r.list, rule)
	r.index[rule] = i
	return i
}
