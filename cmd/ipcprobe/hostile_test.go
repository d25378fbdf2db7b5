// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

// hostileFile is what a target's program is called, and the threads of it: what
// acts on a terminal, on Markdown, on HTML, on JSON, and turns the reading round.
const hostileFile = "\x1b[31m<img src=x>\u202e\"`|*x*\n# h\u009b2J"

// hostileSymbols are its functions, by the names that the compiler gave them, of
// the same length.
var hostileSymbols = map[string]string{
	"ipc_protocol_decode": "</script><img src>x",
	"nats_publish":        "\x1b[2J\x1b]0;own\x07",
	"json_parse":          "|[a](b)\"*_",
}

// hostileTarget starts the burner under such names, on such a socket.
func hostileTarget(t *testing.T) *peer.Process {
	t.Helper()
	program, err := os.ReadFile(peer.Build(t, "burner"))
	if err != nil {
		t.Fatal(err)
	}
	for name, hostile := range hostileSymbols {
		if len(name) != len(hostile) || !bytes.Contains(program, []byte(name)) {
			t.Fatalf("%q can't take the place of %s", hostile, name)
		}
		program = bytes.ReplaceAll(program, []byte(name), []byte(hostile))
	}
	folder := openFolder(t)
	path := filepath.Join(folder, hostileFile)
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return peer.Start(t, "ready", path, "--socket", filepath.Join(folder, "s\x1b]0;own\x07<img src=y>`|\u202e"))
}

// readsSafely fails where a text holds what acts on who reads it. A line feed, and
// a tab in a table of figures, belong to the text.
func readsSafely(t *testing.T, what, text string) {
	t.Helper()
	for i, r := range text {
		control := unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != '\n' && r != '\t'
		if _, size := utf8.DecodeRuneInString(text[i:]); control || r == utf8.RuneError && size == 1 {
			t.Errorf("%s holds %#x: %q", what, r, text[max(0, i-40):min(len(text), i+40)])
			return
		}
	}
}

func TestHostileNames(t *testing.T) {
	kerneltest.Privileged(t)
	t.Parallel() // nothing is timed
	server := hostileTarget(t)
	out := filepath.Join(t.TempDir(), "run")
	got := ipcprobe(t, "run", "--pid", strconv.Itoa(server.Pid), "--out", out, "--rate", "max", "--connections", "2",
		"--warmup", "100ms", "--duration", "4s", "--slice", "500ms", "--budget", "100", "--payload", "64", "--heap")
	if got.code != exitDone && got.code != exitInvalid {
		t.Fatalf("exit code %d\n%q\n%q", got.code, got.stdout, got.stderr)
	}
	readsSafely(t, "standard output", got.stdout)
	readsSafely(t, "standard error", got.stderr)
	again := ipcprobe(t, "report", out)
	readsSafely(t, "the report again", again.stdout+again.stderr)
	if !strings.Contains(got.stdout, "<img src>x") {
		t.Errorf("the hostile function is not in the report, so nothing was tried:\n%s", got.stdout)
	}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(out, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		checkHostileFile(t, entry.Name(), text)
	}
	for _, name := range []string{"result.json", "report.md", "cpu.folded", "cpu.pb.gz", "trace.json", "massif.out"} {
		if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == name }) {
			t.Errorf("no %s was written", name)
		}
	}
	inBrowser(t, filepath.Join(out, "report.html"))
}

// checkHostileFile looks at one file of the run.
func checkHostileFile(t *testing.T, name string, text []byte) {
	t.Helper()
	switch {
	case strings.HasSuffix(name, ".pb.gz"):
		text = unpacked(t, name, text)
		// What is between is binary: names must not hold what a terminal acts on.
		for _, part := range []string{"\x1b[2J", "\x1b]0", "\x1b[31m", "\u202e"} {
			if bytes.Contains(text, []byte(part)) {
				t.Errorf("%s holds %q", name, part)
			}
		}
		return
	case strings.HasSuffix(name, ".json"):
		if !json.Valid(text) {
			t.Errorf("%s is not JSON", name)
		}
	case strings.HasSuffix(name, ".md"):
		for _, live := range []string{"<img", "</script", "[a](b)", "\n# h"} {
			if strings.Contains(outsideCode(string(text)), live) {
				t.Errorf("%s: %q is markup", name, live)
			}
		}
	case strings.HasSuffix(name, ".html"):
		if strings.Contains(string(text), "<img") {
			t.Errorf("%s holds a live <img", name)
		}
	case strings.HasSuffix(name, ".hlog"), strings.HasSuffix(name, ".gz"):
		return
	}
	readsSafely(t, name, string(text))
}

// outsideCode leaves out what stands between fences or back quotes: nothing in it
// is markup.
func outsideCode(markdown string) string {
	var kept strings.Builder
	fenced := false
	for line := range strings.Lines(markdown) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		for i, part := range strings.Split(line, "`") {
			if !fenced && i%2 == 0 {
				kept.WriteString(part)
			}
		}
	}
	return kept.String()
}

func unpacked(t *testing.T, name string, packed []byte) []byte {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return text
}

// inBrowser lets the page's scripts run and looks at what became of it.
func inBrowser(t *testing.T, page string) {
	t.Helper()
	browser := exec.Command(kerneltest.Tool(t, "chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=5000", "--dump-dom", "file://"+page)
	dom, err := browser.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(dom, []byte("<svg")) {
		t.Error("the page's scripts did not run, so nothing was tried")
	}
	for _, live := range []string{"<img", "<b onx"} {
		if bytes.Contains(dom, []byte(live)) {
			t.Errorf("in the browser there is %q", live)
		}
	}
}
