// SPDX-License-Identifier: Apache-2.0

package report

// A document is a report before it is laid out: what is said, in which order,
// and which words are somebody else's.
type document struct {
	sections []section
}

type section struct {
	title  string
	remark string // stands beside the title: "until the target ended"
	blocks []block
}

// block is one of paragraph, facts, table, bars or items.
type block interface{ isBlock() }

// paragraph is running text. A note is a remark on the figures above it.
type paragraph struct {
	text text
	note bool
}

// facts are short labelled statements, one a line.
type facts []fact

type fact struct {
	label string
	text  text
}

// table has a head, rows and perhaps a last row that sums up. permille are the
// lengths, one a row, of what its bar column draws.
type table struct {
	columns  []col
	rows     [][]text
	total    []text
	permille []int64
}

// col describes a column. Of columns that may be left out where there is no
// room, the one with the highest dispensable goes first.
type col struct {
	title       string
	right       bool
	flexible    bool // its cells may be shortened
	most        int  // cells that it takes at a terminal at most; 0: any
	dispensable int
	bar         int // drawn width of a bar column, whose cells are empty; 0 for text
}

// bars is a drawn histogram.
type bars []bar

type bar struct {
	from, to string
	count    int64
	share    string
	marks    string
}

// items is a list, one paragraph each.
type items []text

func (paragraph) isBlock() {}
func (facts) isBlock()     {}
func (table) isBlock()     {}
func (bars) isBlock()      {}
func (items) isBlock()     {}

// text is a run of spans.
type text []span

// span is a stretch of text in one manner.
type span struct {
	text   string
	manner manner
}

type manner uint8

const (
	plain   manner = iota
	strong         // a headline figure
	faint          // said in passing
	good           // as it should be
	warned         // not as it should be
	bad            // fatal for the measurement
	foreign        // a name that the target or the system gave: set as code
	drawn          // a bar; nothing to read
)

func say(s string) text          { return text{{s, plain}} }
func name(s string) text         { return text{{s, foreign}} }
func in(m manner, s string) text { return text{{s, m}} }

// with appends plain text.
func (t text) with(s string) text { return append(t, span{s, plain}) }

// and appends spans.
func (t text) and(more ...text) text {
	for _, m := range more {
		t = append(t, m...)
	}
	return t
}

// row makes cells of plain strings.
func row(cells ...string) []text {
	out := make([]text, len(cells))
	for i, c := range cells {
		out[i] = say(c)
	}
	return out
}
