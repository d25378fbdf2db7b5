// SPDX-License-Identifier: Apache-2.0

package page

// Stack is a set of bars, each made of the same parts one after the other.
type Stack struct {
	Unit  string   `json:"unit"` // "ns" or "%"
	Parts []string `json:"parts"`
	Bars  []Bar    `json:"bars"`
}

// Bar is one of them: as many values as the stack has parts, none below 0.
type Bar struct {
	Name   string    `json:"name"`
	Values []float64 `json:"values"`
}

// Curve is a quantity in bytes over the time of the run, s since its start.
type Curve struct {
	Seconds []float64 `json:"t"`
	Lines   []Line    `json:"lines"`
}

// Line is one of its lines, with a value for each of Seconds; nil where none was
// taken.
type Line struct {
	Name   string   `json:"name"`
	Values []*int64 `json:"values"`
}
