// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

var update = flag.Bool("update", false, "write the goldens instead of comparing with them")

var specimens = []struct {
	name string
	make func() *results.Result
}{
	{"healthy", healthy}, {"openloop", openLoop}, {"late", late}, {"partial", partial}, {"unmatched", unmatched}, {"unqueued", unqueued},
	{"hostile", hostile}, {"tiny", tiny}, {"huge", huge}, {"watched", watched},
	{"mixed", mixed}, {"others", othersClients}, {"silent", silent}, {"doubtful", doubtful},
	{"heap", heapSeen},
}

// golden compares what write writes with a file of testdata.
func golden(t *testing.T, file string, write func(io.Writer) error) []byte {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return got.Bytes()
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs (run with -update and read the change):\n%s", path, got.String())
	}
	return got.Bytes()
}

func TestReportsAreAsTheirGoldens(t *testing.T) {
	for _, s := range specimens {
		t.Run(s.name, func(t *testing.T) {
			golden(t, s.name+".txt", func(w io.Writer) error { return Text(w, s.make(), Style{Unicode: true}) })
			golden(t, s.name+".md", func(w io.Writer) error { return Markdown(w, s.make()) })
			golden(t, s.name+".json", func(w io.Writer) error { return JSON(w, s.make()) })
		})
	}
}

func TestAnASCIITerminalGetsASCII(t *testing.T) {
	text := golden(t, "healthy.ascii.txt", func(w io.Writer) error { return Text(w, healthy(), Style{}) })
	for i, c := range text {
		if c > '~' || c < ' ' && c != '\n' {
			t.Fatalf("byte %d is %#x", i, c)
		}
	}
}

func TestColourIsAsItsGolden(t *testing.T) {
	golden(t, "healthy.colour.txt", func(w io.Writer) error { return Text(w, healthy(), Style{Unicode: true, Colour: true}) })
}

func TestLoadReportsAreAsTheirGoldens(t *testing.T) {
	causes := map[string]int64{"error answer": 61, "timeout": 30, "reset by peer": 5, "closed by peer": 3}
	golden(t, "load.txt", func(w io.Writer) error { return LoadText(w, openLoop(), causes, Style{Unicode: true}) })
	golden(t, "load-late.txt", func(w io.Writer) error { return LoadText(w, late(), nil, Style{Unicode: true}) })
}

func TestDoctorIsAsItsGolden(t *testing.T) {
	checks := []results.Check{
		{Name: "BPF system call", Needs: "Linux 5.8, CAP_BPF", Works: true, Required: true},
		{Name: "tracepoint sock:sock_send_length", Needs: "Linux 6.3, CAP_PERFMON", Required: true,
			Detail: "open /sys/kernel/tracing/events/sock: no such file or directory",
			Remedy: "boot Linux 6.3 or newer, or let ipcprobe use fentry on unix_stream_sendmsg (needs BTF)"},
		{Name: "CPU samples", Needs: "perf_event_paranoid ≤ 2 or CAP_PERFMON", Detail: "perf_event_open: \x1b[31mpermission denied",
			Remedy: "sudo sysctl kernel.perf_event_paranoid=2"},
	}
	golden(t, "doctor.txt", func(w io.Writer) error { return Doctor(w, checks, Style{Unicode: true}) })
	golden(t, "doctor-well.txt", func(w io.Writer) error { return Doctor(w, checks[:1], Style{Unicode: true}) })
	golden(t, "doctor-none.txt", func(w io.Writer) error { return Doctor(w, nil, Style{Unicode: true}) })
}
