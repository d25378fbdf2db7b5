// SPDX-License-Identifier: Apache-2.0

package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// wallClock are the few places that may ask what time of day it is as a number: to
// write it down, once, for a reader.
var wallClock = map[string]string{
	"load/engine.go":           "{now} in a payload",
	"results/profile/write.go": "pprof's time_nanos",
	"results/report/hlog.go":   "the log's StartTime",
}

// TestNoDurationIsTakenFromTheWallClock: somebody who steps the clock in the middle
// of a run changes no figure of it. time.Now carries a monotonic reading, which
// Sub and Since use; a number made of it, or a bare CLOCK_REALTIME, has none.
func TestNoDurationIsTakenFromTheWallClock(t *testing.T) {
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." || d.Name() == "build" || d.Name() == "testdata"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		ast.Inspect(file, func(n ast.Node) bool {
			if asked := wallNumber(n); asked != "" {
				found[name] = true
				if wallClock[name] == "" {
					t.Errorf("%s asks for %s: a step of the clock would show", name, asked)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range wallClock {
		if !found[name] {
			t.Errorf("%s no longer does; take it from the list", name)
		}
	}
}

// wallNumber is what a piece of code makes a number of the time of day with.
func wallNumber(n ast.Node) string {
	switch n := n.(type) {
	case *ast.CallExpr:
		s, ok := n.Fun.(*ast.SelectorExpr)
		if !ok {
			return ""
		}
		switch s.Sel.Name {
		case "Unix", "UnixNano", "UnixMicro", "UnixMilli":
			if len(n.Args) == 0 { // with some it is time.Unix, the other way
				return s.Sel.Name
			}
		case "Gettimeofday":
			return s.Sel.Name
		}
	case *ast.SelectorExpr:
		if n.Sel.Name == "CLOCK_REALTIME" {
			return n.Sel.Name
		}
	}
	return ""
}
