// SPDX-License-Identifier: Apache-2.0

// Package cmd_test holds the rules of the house: who may import whom, what
// every file must carry, and what the shipped binary may be made of.
package cmd_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/ipcprobe/ipcprobe"

// A room is a folder at the top of the repository, or one below it that has a
// stricter rule of its own. The first whose path fits a package decides.
type room struct {
	path string
	// own are the rooms of ours that it may import beside itself; "all" is any.
	own []string
	// alone: packages of this room don't import each other, only what own says.
	alone bool
	// never are other people's packages that it must not import; with /... at
	// the end, nor what is below them.
	never []string
}

var (
	sockets = []string{"net", "syscall", "golang.org/x/sys/unix"}
	bpf     = []string{"github.com/cilium/ebpf/..."}
	nats    = []string{"github.com/nats-io/nats-server/..."}
)

// forTests are packages that only tests may import, whatever room they are of.
var forTests = []string{"gateway/peer", "gateway/wire/conformance", "results/kerneltest"}

func rooms() []room {
	return []room{
		{path: "cmd/ipcgateway", own: []string{"all"}, never: bpf},
		{path: "cmd", own: []string{"all"}},
		{path: "load", own: []string{"gateway/wire", "results"}, never: slices.Concat(bpf, nats)},
		{path: "loader", own: []string{"bpf", "bpf/...", "results"}, never: nats},
		{path: "gateway/wire/conformance", own: []string{"gateway/wire"}, never: slices.Concat(bpf, nats)},
		{path: "gateway/wire", own: []string{"results"}, never: slices.Concat(bpf, nats, sockets)},
		{path: "gateway", own: []string{"gateway/wire", "results"}, never: slices.Concat(bpf, nats)},
		{path: "results/store", own: []string{"results"}, alone: true, never: slices.Concat(bpf, nats, []string{"net"})},
		{path: "results", own: []string{"results"}, alone: true, never: slices.Concat(bpf, nats, sockets)},
		{path: "bpf", never: nats},
	}
}

// imported is one import line of one file. Folders are slash-separated and
// relative to the repository's top.
type imported struct{ file, path string }

// breach says what is wrong with the import; "" if nothing is.
func breach(i imported) string {
	folder := path.Dir(i.file)
	for _, r := range rooms() {
		if within(folder, r.path) {
			ours := strings.TrimPrefix(i.path, module+"/")
			switch {
			case !slices.Contains(forTests, ours):
				return r.breach(folder, i.path)
			case slices.Contains(forTests, folder):
				return ""
			case !strings.HasSuffix(i.file, "_test.go"):
				return ours + " is for tests"
			}
			return ""
		}
	}
	return folder + " is no room of the house"
}

func (r room) breach(folder, to string) string {
	for _, never := range r.never {
		tree, found := strings.CutSuffix(never, "/...")
		if to == never || found && within(to, tree) {
			return fmt.Sprintf("%s must not know %s", r.path, never)
		}
	}
	ours, found := strings.CutPrefix(to, module+"/")
	switch {
	case !found && to != module, ours == folder, slices.Contains(r.own, "all"):
		return ""
	case !r.alone && within(ours, r.path):
		return ""
	case folder != r.path && within(ours, folder): // what a package keeps below itself is its own
		return ""
	}
	for _, own := range r.own {
		tree, below := strings.CutSuffix(own, "/...")
		if ours == own || below && within(ours, tree) { // else what is below a room's root is its own affair
			return ""
		}
	}
	return fmt.Sprintf("%s may import %s of ours, not %s", r.path, strings.Join(r.own, " and "), ours)
}

// within says whether the path is the folder or below it.
func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

func TestImportRule(t *testing.T) {
	imports := readImports(t, "..")
	if len(imports) == 0 {
		t.Fatal("no imports found: the test looks in the wrong place")
	}
	for _, i := range imports {
		if wrong := breach(i); wrong != "" {
			t.Errorf("%s imports %s: %s", i.file, i.path, wrong)
		}
	}
}

func TestImportRuleSeesBreaches(t *testing.T) {
	const ours = module + "/"
	for _, row := range []struct {
		name, file, imports string
		allowed             bool
	}{
		{"cmd wires all", "cmd/ipcprobe/run.go", ours + "loader", true},
		{"cmd may load programs", "cmd/ipcprobe/doctor.go", "github.com/cilium/ebpf/rlimit", true},
		{"load speaks the protocols", "load/loop.go", ours + "gateway/wire", true},
		{"load and the vocabulary", "load/loop.go", ours + "results", true},
		{"load and a room within", "load/loop.go", ours + "load/schedule", true},
		{"loader and the probes", "loader/open.go", ours + "bpf", true},
		{"gateway and the vocabulary", "gateway/reference/x.go", ours + "results", true},
		{"statistics and the vocabulary", "results/stats/x.go", ours + "results", true},
		{"a package and what it keeps below itself", "results/report/x.go", ours + "results/report/page", true},
		{"a test of the package itself", "results/stats/x_test.go", ours + "results/stats", true},
		{"a test and a C peer", "load/loop_test.go", ours + "gateway/peer", true},
		{"a test that needs root", "results/store/x_test.go", ours + "results/kerneltest", true},
		{"test support and test support", "gateway/peer/peer.go", ours + "results/kerneltest", true},
		{"the standard library", "results/report/x.go", "os", true},
		{"a name that only begins alike", "results/report/x.go", "network/address", true},
		{"what HTTP calls its codes", "gateway/wire/http.go", "net/http", true},

		{"the guard outside tests", "loader/open.go", ours + "results/kerneltest", false},
		{"a C peer outside tests", "cmd/ipcprobe/run.go", ours + "gateway/peer", false},
		{"load and loader never meet", "load/loop.go", ours + "loader", false},
		{"nor in a test", "load/loop_test.go", ours + "loader", false},
		{"loader and load never meet", "loader/open.go", ours + "load", false},
		{"loader and the protocols", "loader/open.go", ours + "gateway/wire", false},
		{"loader and statistics", "loader/open.go", ours + "results/stats", false},
		{"load finds no targets", "load/loop.go", ours + "gateway", false},
		{"load knows no BPF", "load/loop.go", "github.com/cilium/ebpf", false},
		{"gateway knows no BPF", "gateway/find.go", "github.com/cilium/ebpf/btf", false},
		{"wire needs no gateway", "gateway/wire/ipc.go", ours + "gateway", false},
		{"load knows nothing below BPF either", "load/loop.go", "github.com/cilium/ebpf/link", false},
		{"wire opens no sockets", "gateway/wire/ipc.go", "net", false},
		{"results know no process", "results/request.go", ours + "gateway", false},
		{"the root knows no room below", "results/request.go", ours + "results/stats", false},
		{"statistics and the join are apart", "results/stats/x.go", ours + "results/join", false},
		{"results open no sockets", "results/report/x.go", "net", false},
		{"results make no system calls", "results/join/x.go", "golang.org/x/sys/unix", false},
		{"bpf knows nothing of ours", "bpf/doc.go", ours + "results", false},
		{"the NATS server stays in ipcgateway", "gateway/find.go", "github.com/nats-io/nats-server/v2/server", false},
		{"no room beside the rooms", "util/strings.go", "strings", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			wrong := breach(imported{row.file, row.imports})
			if (wrong == "") != row.allowed {
				t.Errorf("%s imports %s: breach = %q, want it allowed: %t", row.file, row.imports, wrong, row.allowed)
			}
		})
	}
}

// readImports parses the import lines of every Go file below top, whatever
// system or build tag it is for.
func readImports(t *testing.T, top string) []imported {
	t.Helper()
	var all []imported
	for _, file := range sources(t, top, ".go") {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			to, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, imported{filepath.ToSlash(file), to})
		}
	}
	return all
}

// sources lists the files below top that end in one of the suffixes, relative
// to it, leaving out testdata, hidden folders, and what builds and runs write.
func sources(t *testing.T, top string, suffixes ...string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file != top && (name == "testdata" || name == "bin" || name == "build" || strings.HasPrefix(name, ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if slices.Contains(suffixes, filepath.Ext(name)) {
			relative, err := filepath.Rel(top, file)
			files = append(files, relative)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
