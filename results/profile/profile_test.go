// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

var update = flag.Bool("update", false, "write the golden files")

func frame(function, object string, address uint64) results.Frame {
	return results.Frame{Function: function, Object: object, Address: address,
		Offset: address & 0xffff, BuildID: "b1" + object, Kernel: object == "[kernel]"}
}

// stacks of a server: 100 samples.
func stacks() []results.Stack {
	send := frame("unix_stream_sendmsg", "[kernel]", 0xffffffff81001000)
	entry := frame("entry_SYSCALL_64", "[kernel]", 0xffffffff81000100)
	parse := frame("json_parse", "gateway", 0x555555556000)
	parse2 := frame("json_parse", "gateway", 0x555555556040)
	main := frame("main", "gateway", 0x555555555100)
	malloc := frame("malloc", "libc.so.6", 0x7ffff7a00000)
	start := frame("__libc_start_main", "libc.so.6", 0x7ffff7a20000)
	ours := frame("bpf_prog_take", "[bpf]", 0xffffffffc0000010)
	return []results.Stack{
		{Frames: []results.Frame{send, entry, main, start}, Samples: 30, Complete: true},
		{Frames: []results.Frame{parse, parse2, parse, main, start}, Samples: 40, Complete: true},
		{Frames: []results.Frame{malloc, {Function: "[unwind: no frame pointer]"}}, Samples: 20},
		{Frames: []results.Frame{ours, entry, main, start}, Samples: 9, Complete: true, Own: true},
		{Samples: 1},
		{Frames: []results.Frame{main}, Samples: 0},
	}
}

// collected has the samples of stacks, 100 of CPU time in one slice.
func collected(all []results.Stack) *Collector {
	c := NewCollector(func(results.SampleKind) Bands { return Bands{} })
	for i := range all {
		var samples []results.Sample
		for range all[i].Samples {
			samples = append(samples, results.Sample{Stack: int32(i), Kind: results.OnCPU, Thread: 7, Weight: 1})
		}
		c.Add(2, samples)
	}
	return c
}

func runOf(all []results.Stack) Run {
	return Run{Samples: collected(all), Stacks: all, Start: time.Unix(1_700_000_000, 5), Duration: 3 * time.Second}
}

func cpu() Profile {
	run := runOf(stacks())
	return run.CPU(10*time.Millisecond, 0)
}

func TestProfileReadsBack(t *testing.T) {
	var file bytes.Buffer
	if err := Write(&file, cpu()); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	if p.TimeNanos != 1_700_000_000_000_000_005 || p.DurationNanos != 3_000_000_000 || p.Period != 10_000_000 ||
		p.PeriodType.Type != "cpu" || p.DefaultSampleType != "cpu" {
		t.Errorf("head: %d %d %d %v %q", p.TimeNanos, p.DurationNanos, p.Period, p.PeriodType, p.DefaultSampleType)
	}
	var sums [2]int64
	for _, s := range p.Sample {
		sums[0] += s.Value[0]
		sums[1] += s.Value[1]
	}
	if sums != [2]int64{100, 1_000_000_000} {
		t.Errorf("samples and ns add up to %v", sums)
	}
	checkTables(t, p)
}

func checkTables(t *testing.T, p *profile.Profile) {
	t.Helper()
	if p.Mapping[0].File != "gateway" || p.Mapping[0].BuildID != "b1gateway" {
		t.Errorf("first mapping %+v, want the program", p.Mapping[0])
	}
	for _, l := range p.Location {
		m := l.Mapping
		if l.Address == 0 {
			if m != nil {
				t.Errorf("location without an address in %v", m.File)
			}
			continue
		}
		if m == nil || l.Address < m.Start || l.Address >= m.Limit || !m.HasFunctions {
			t.Errorf("location %x outside of its mapping %+v", l.Address, m)
		}
	}
	names := map[string]int{}
	for _, f := range p.Function {
		names[f.Name]++
	}
	if names["json_parse"] != 1 || names["[unwind: no frame pointer]"] != 1 {
		t.Errorf("functions %v", names)
	}
	if s := p.Sample[3]; s.Label["code"][0] != "ipcprobe" || len(s.Label["stack"]) != 0 {
		t.Errorf("labels of our own code: %v", s.Label)
	}
	if s := p.Sample[2]; s.Label["stack"][0] != "cut" {
		t.Errorf("labels of a cut stack: %v", s.Label)
	}
}

func TestEmptyProfileIsValid(t *testing.T) {
	var file bytes.Buffer
	if err := Write(&file, Profile{}); err != nil {
		t.Fatal(err)
	}
	if p, err := profile.Parse(&file); err != nil || p.TimeNanos != 0 {
		t.Errorf("%v, %v", p, err)
	}
}

// The Go tool reads what we write.
func TestPprofReadsIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.pb.gz")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Write(file, cpu()), file.Close()); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", "-nodecount=20", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"File: gateway", "Duration: 3s", "400ms 40.00% 40.00%      400ms 40.00%  json_parse", "790ms 79.00%  main"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("pprof -top does not say %q:\n%s", want, out)
		}
	}
}

func TestTop(t *testing.T) {
	got := Top(stacks(), 4)
	want := []results.Function{
		{Function: "json_parse", Object: "gateway", SelfPct: 40, TotalPct: 40}, // three times on a stack
		{Function: "unix_stream_sendmsg", Object: "[kernel]", SelfPct: 30, TotalPct: 30},
		{Function: "malloc", Object: "libc.so.6", SelfPct: 20, TotalPct: 20},
		{Function: "bpf_prog_take", Object: "[bpf]", SelfPct: 9, TotalPct: 9},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("row %d: %+v, want %+v", i, got[i], want[i])
		}
	}
	all := Top(stacks(), 100)
	if len(all) != 7 {
		t.Errorf("%d functions, want 7: the mark of a cut walk is none", len(all))
	}
	if main := all[4]; main.Function != "__libc_start_main" && main.Function != "main" || main.TotalPct != 79 {
		t.Errorf("fifth row %+v", main)
	}
}

func TestTopOfLittle(t *testing.T) {
	if got := Top(nil, 10); got == nil || len(got) != 0 {
		t.Errorf("%v: want an empty table", got)
	}
	if got := Top(stacks(), 0); len(got) != 0 {
		t.Errorf("%v: want none", got)
	}
	same := []results.Stack{
		{Frames: []results.Frame{frame("run", "a.so", 1)}, Samples: 1},
		{Frames: []results.Frame{frame("run", "b.so", 1)}, Samples: 1},
	}
	if got := Top(same, 10); len(got) != 2 || got[0].Object != "a.so" || got[0].SelfPct != 50 {
		t.Errorf("%v: want functions of two objects apart", got)
	}
}

func TestFolded(t *testing.T) {
	odd := []results.Stack{
		{Frames: []results.Frame{frame("operator new(unsigned long)", "a", 1), frame("a;b\nc\x1b[31m\xff", "a", 2)}, Samples: 3},
		{Frames: []results.Frame{frame("json_parse", "gateway", 7), frame("json_parse", "gateway", 8),
			frame("json_parse", "gateway", 7), frame("main", "gateway", 9), frame("__libc_start_main", "libc.so.6", 1)}, Samples: 2},
	}
	var out bytes.Buffer
	if err := Folded(&out, append(stacks(), odd...)); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "cpu.folded")
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), want) {
		t.Errorf("got\n%swant\n%s", out.Bytes(), want)
	}
}

// full is a file on a full disk.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestFullDiskIsReported(t *testing.T) {
	for name, err := range map[string]error{"profile": Write(full{}, cpu()), "folded": Folded(full{}, stacks())} {
		if err == nil || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func fuzzed(s []results.Stack) Profile {
	run := runOf(s)
	return run.CPU(1, 0)
}

func FuzzNames(f *testing.F) {
	f.Add("main", "gateway", uint64(1), uint64(2))
	f.Add("", "", uint64(0), uint64(1<<64-1))
	f.Fuzz(func(t *testing.T, function, object string, a, b uint64) {
		s := []results.Stack{{Samples: 1, Frames: []results.Frame{
			{Function: function, Object: object, Address: a, Offset: b},
			{Function: object, Object: object, Address: b, Offset: a},
			{Function: function, Object: function, Address: b},
		}}}
		var file, lines bytes.Buffer
		if err := Write(&file, fuzzed(s)); err != nil {
			t.Fatal(err)
		}
		if _, err := profile.Parse(&file); err != nil {
			t.Fatal(err)
		}
		if err := Folded(&lines, s); err != nil || strings.Count(lines.String(), "\n") != 1 {
			t.Fatalf("%v %q", err, lines.String())
		}
		Top(s, 3)
	})
}
