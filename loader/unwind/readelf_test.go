// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// interpreted is a function as readelf interprets it.
type interpreted struct {
	Range
	signal bool
	rows   []interpretedRow
}

// interpretedRow is one line: what holds from an address on, by column.
type interpretedRow struct {
	at      uint64
	columns map[string]string
}

// readelf gives what readelf --debug-dump=frames-interp says of a file. A
// function that adds nothing to its common entry has that one's line.
func readelf(t *testing.T, path string) []interpreted {
	t.Helper()
	out, err := exec.Command(kerneltest.Tool(t, "readelf"), "--debug-dump=frames-interp,no-follow-links", path).Output()
	if err != nil {
		t.Fatalf("readelf %s: %v", path, err)
	}
	var all []interpreted
	commons := make(map[string]interpreted)
	var key string // of the common entry that is open; "" in a function
	var names []string
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		fields := strings.Fields(line)
		switch {
		case strings.Contains(line, "section"):
			if len(all) > 0 || len(commons) > 0 {
				return all // .debug_frame follows
			}
		case len(fields) > 4 && fields[3] == "CIE":
			key = fields[0]
			// The word behind the keyword is the augmentation.
			commons[key] = interpreted{signal: strings.Contains(fields[4], "S")}
		case len(fields) > 5 && fields[3] == "FDE":
			key = ""
			of := commons[strings.TrimPrefix(fields[4], "cie=")]
			from, to, _ := strings.Cut(strings.TrimPrefix(fields[5], "pc="), "..")
			all = append(all, interpreted{Range: Range{hex(t, from), hex(t, to)}, signal: of.signal, rows: of.rows})
			if len(of.rows) > 0 {
				row := of.rows[0]
				row.at = all[len(all)-1].Start
				all[len(all)-1].rows = []interpretedRow{row}
			}
			names = nil
		case len(fields) > 1 && fields[0] == "LOC":
			names = fields[1:]
			if key == "" {
				all[len(all)-1].rows = nil
			}
		case len(fields) > 1 && len(fields) == len(names)+1:
			row := interpretedRow{hex(t, fields[0]), make(map[string]string)}
			for i, name := range names {
				row.columns[name] = fields[i+1]
			}
			if key != "" {
				c := commons[key]
				c.rows = append(c.rows, row)
				commons[key] = c
			} else {
				all[len(all)-1].rows = append(all[len(all)-1].rows, row)
			}
		}
	}
	return all
}

func hex(t *testing.T, text string) uint64 {
	t.Helper()
	value, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		t.Fatalf("readelf: an address %q", text)
	}
	return value
}

// registerNames are readelf's for the DWARF registers of x86-64.
var registerNames = []string{"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"}

// columns are a rule in readelf's words. What readelf does not tell apart is
// not told apart here: it prints every expression as exp, and u both for a
// register without a rule and for one that is lost.
func (r Rule) columns() map[string]string {
	cfa := "exp"
	if r.CFA == CFARegister {
		cfa = fmt.Sprintf("%s%+d", registerNames[r.Base], r.CFAOffset)
	}
	word := func(where Where, offset int32) string {
		switch where {
		case AtCFA:
			return fmt.Sprintf("c%+d", offset)
		case IsCFA:
			return fmt.Sprintf("v%+d", offset)
		case InRegister:
			return registerNames[offset]
		case Same, Undefined:
			return "u"
		}
		return "exp"
	}
	return map[string]string{
		"CFA": cfa, "ra": word(r.ResultIs, r.Result),
		"rbp": word(r.FrameIs, r.Frame), "rbx": word(r.SavedIs, r.Saved),
	}
}

// compareRows holds a table against readelf at every row's start.
func compareRows(t *testing.T, path string, table *Table, rules *Rules) (rows, expressions, unsupported int) {
	t.Helper()
	wrong := 0
	for _, fn := range readelf(t, path) {
		if fn.End <= fn.Start {
			continue
		}
		for i, want := range fn.rows {
			if want.at < fn.Start || want.at >= fn.End || i+1 < len(fn.rows) && fn.rows[i+1].at == want.at {
				continue
			}
			rows++
			row, ok := table.Find(want.at)
			rule := rules.All()[row.Rule]
			got := rule.columns()
			if want.columns["CFA"] == "exp" {
				expressions++
				if rule.CFA == CFAUnsupported {
					unsupported++
				}
			}
			for _, name := range []string{"CFA", "ra", "rbp", "rbx"} {
				expected, said := want.columns[name]
				if !said {
					expected = "u" // no rule in the whole function
				}
				if !ok || got[name] != expected || rule.Signal != fn.signal {
					if wrong++; wrong <= 10 {
						t.Errorf("%s at 0x%x, %s: %q, readelf says %q (found %t)", path, want.at, name, got[name], expected, ok)
					}
				}
			}
		}
	}
	if rows == 0 {
		t.Errorf("%s: readelf gives no rows", path)
	}
	if wrong > 10 {
		t.Errorf("%s: %d disagreements", path, wrong)
	}
	return rows, expressions, unsupported
}

// compileFile compiles a file's table.
func compileFile(t testing.TB, path string, rules *Rules) *Table {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	table, err := Compile(file, info.Size(), rules)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if table.Unread > 0 {
		t.Errorf("%s: %d functions could not be read: %v", path, table.Unread, table.Err)
	}
	return table
}
