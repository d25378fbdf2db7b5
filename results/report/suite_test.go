// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

var suiteKinds = []results.SuiteKind{results.SuiteThroughput, results.SuiteLatency, results.SuiteMemory, results.SuiteCPU}

// suiteOf makes a suite of these results, one for each phase.
func suiteOf(of ...*results.Result) *results.Suite {
	s := &results.Suite{SchemaVersion: 1, Name: "v1.0", Command: []string{"ipcprobe", "suite", "--name", "v1.0"}}
	for i, r := range of {
		s.Phases = append(s.Phases, results.SuitePhase{Kind: suiteKinds[i], Folder: "results/v1.0-" + string(suiteKinds[i]), Result: r})
	}
	return s
}

// wholeSuite prints a suite as its command does.
func wholeSuite(s *results.Suite, style Style) func(io.Writer) error {
	return func(w io.Writer) error {
		for i := range s.Phases {
			if err := SuiteBlock(w, &s.Phases[i], style); err != nil {
				return err
			}
			fmt.Fprintln(w)
		}
		return SuiteText(w, s, style)
	}
}

func TestASuiteIsAsItsGolden(t *testing.T) {
	fine := func() *results.Suite { return suiteOf(healthy(), openLoop(), heapSeen(), openLoop()) }
	golden(t, "suite.txt", wholeSuite(fine(), Style{Unicode: true}))
	golden(t, "suite.ascii.txt", wholeSuite(fine(), Style{}))
	golden(t, "suite.md", func(w io.Writer) error { return Baseline(w, fine()) })
	spoilt := suiteOf(partial(), late(), hostile(), tiny())
	golden(t, "suite-spoilt.txt", wholeSuite(spoilt, Style{Unicode: true}))
	golden(t, "suite-spoilt.md", func(w io.Writer) error { return Baseline(w, spoilt) })
}

// Whoever divides the requests of the throughput block by its duration gets its
// throughput.
func TestTheThroughputBlockAddsUp(t *testing.T) {
	r := healthy()
	rate, _ := bareRate(r.Run.Slices)
	r.Load.AchievedRPS = &rate
	text := strings.Join(suiteLines(&results.SuitePhase{Kind: results.SuiteThroughput, Result: r}, Style{}), "\n")
	found := regexp.MustCompile(`(?s)Duration: ([0-9.]+) .*Requests: ([0-9,]+)\nThroughput: ([0-9,]+) `).FindStringSubmatch(text)
	if found == nil {
		t.Fatal(text)
	}
	var n [3]float64
	for i, digits := range found[1:] {
		n[i], _ = strconv.ParseFloat(strings.ReplaceAll(digits, ",", ""), 64)
	}
	if got := n[1] / n[0]; got < n[2]*0.999 || got > n[2]*1.001 {
		t.Errorf("%v requests in %v s are %v/s, and %v/s stand there", n[1], n[0], got, n[2])
	}
}

func TestASuiteAsJSONHoldsResultsAsTheyAreStored(t *testing.T) {
	var out bytes.Buffer
	if err := SuiteJSON(&out, suiteOf(hostile(), &results.Result{SchemaVersion: 1, Valid: true}, healthy())); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Phases []struct {
			Result json.RawMessage `json:"result"`
		} `json:"phases"`
	}
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil || len(doc.Phases) != 3 {
		t.Fatal(err, len(doc.Phases))
	}
	s := schema(t)
	for _, phase := range doc.Phases {
		if err := s.Validate(decoded(t, phase.Result)); err != nil {
			t.Error(err)
		}
	}
	if strings.ContainsAny(out.String(), "\x1b\u009b\u202e\u200b") {
		t.Error("a terminal would obey it")
	}
}

// The rate that stands in a block is not one that the server didn't answer.
func TestABlockSaysWhatWasAnswered(t *testing.T) {
	r := openLoop()
	for _, row := range []struct {
		kind     results.SuiteKind
		answered float64
		want     string
	}{
		{results.SuiteCPU, 2480, "Load: 2,500 req/sec\n"},
		{results.SuiteCPU, 1770, "Load: 2,500 req/sec, of which 1,770 were answered\n"},
		{results.SuiteLatency, 1770, " at 2,500 req/sec, of which 1,770 were answered\n"},
	} {
		offered := 2500.0
		r.Load.OfferedRPS, r.Load.AchievedRPS = &offered, &row.answered
		text := strings.Join(suiteLines(&results.SuitePhase{Kind: row.kind, Result: r}, Style{Unicode: true}), "\n")
		if !strings.Contains(text, row.want) {
			t.Errorf("%q is not in:\n%s", row.want, text)
		}
	}
}

// Each phase may end as any result does.
func TestEveryResultFitsAnyPhase(t *testing.T) {
	bare := func() *results.Result { return &results.Result{SchemaVersion: 1, Valid: true} }
	for _, specimen := range append(specimens, struct {
		name string
		make func() *results.Result
	}{"empty", bare}) {
		r := specimen.make()
		s := suiteOf(r, r, r, r)
		for _, style := range []Style{{}, {Unicode: true, Width: 64}} {
			var b strings.Builder
			if err := wholeSuite(s, style)(&b); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if cells(line) > style.columns() {
					t.Errorf("%s: %d columns: %s", specimen.name, cells(line), line)
				}
				if clean(line) != line {
					t.Errorf("%s: %q", specimen.name, line)
				}
			}
		}
		if err := Baseline(io.Discard, s); err != nil {
			t.Error(err)
		}
	}
	if wholeSuite(suiteOf(healthy()), Style{})(failing{}) == nil || Baseline(failing{}, suiteOf(healthy())) == nil {
		t.Error("a writer's error is lost")
	}
	if err := Baseline(failing{}, suiteOf(healthy())); !strings.Contains(err.Error(), "no luck") {
		t.Error(err)
	}
}
