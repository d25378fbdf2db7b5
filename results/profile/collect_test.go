// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

func ptr[T any](v T) *T { return &v }

// banded has samples of a slow request in the parser and of fast ones elsewhere.
func banded() Run {
	c := NewCollector(func(results.SampleKind) Bands { return Bands{P50: ptr(int64(100)), P99: ptr(int64(1000))} })
	add := func(slice, n int, s results.Sample) {
		for range n {
			c.Add(slice, []results.Sample{s})
		}
	}
	add(1, 30, results.Sample{Kind: results.OnCPU, Weight: 1, Stack: 0, Thread: 5, Served: true, RoundTrip: 99, Request: 1})
	add(1, 20, results.Sample{Kind: results.OnCPU, Weight: 1, Stack: 0, Thread: 5, Served: true, RoundTrip: 100})
	add(3, 40, results.Sample{Kind: results.OnCPU, Weight: 1, Stack: 1, Thread: 5, Served: true, RoundTrip: 1001})
	add(3, 10, results.Sample{Kind: results.OnCPU, Weight: 1, Stack: 2, Thread: 6})
	add(3, 2, results.Sample{Kind: results.OffCPU, Weight: 64, Stack: 0, Thread: 5, Blocked: 1000, RunQueue: 10, Call: "read"})
	add(3, 1, results.Sample{Kind: results.OffCPU, Weight: 64, Stack: 0, Thread: 5, Idle: 7000, Call: "poll"})
	add(3, 3, results.Sample{Kind: results.CallEntry, Weight: 8, Stack: 3, Thread: 5, Call: "sendto"})
	return Run{Samples: c, Stacks: stacks(), Kinds: []string{"get", "put"}, Duration: time.Second}
}

func readBack(t *testing.T, from Profile) *profile.Profile {
	t.Helper()
	var file bytes.Buffer
	if err := Write(&file, from); err != nil {
		t.Fatal(err)
	}
	p, err := profile.Parse(&file)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.CheckValid(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCPUTimeIsTheSchedulers(t *testing.T) {
	run := banded()
	const spent = 1_000_000_007 // no multiple of the 100 samples
	p := readBack(t, run.CPU(5*time.Millisecond, spent))
	var samples, ns int64
	for _, s := range p.Sample {
		samples += s.Value[0]
		ns += s.Value[1]
		if low := s.Value[0] * 10_000_000; s.Value[1] < low || s.Value[1] > low+s.Value[0]+1 {
			t.Errorf("%d samples stand for %d ns", s.Value[0], s.Value[1])
		}
	}
	if samples != 100 || ns != spent {
		t.Errorf("%d samples, %d ns; want 100 and %d", samples, ns, spent)
	}
	if len(p.Comments) != 1 {
		t.Errorf("comments %q", p.Comments)
	}
}

func TestRequestsHaveBandsAndKinds(t *testing.T) {
	run := banded()
	p := readBack(t, run.CPU(5*time.Millisecond, 0))
	got := map[string]int64{}
	for _, s := range p.Sample {
		key := strings.Join([]string{first(s, "band"), first(s, "request"), number(s, "thread"), number(s, "slice")}, "|")
		got[key] += s.Value[0]
	}
	want := map[string]int64{"below p50|put|5|1": 30, "p50-p99|get|5|1": 20, "above p99|get|5|3": 40, "||6|3": 10}
	for key, n := range want {
		if got[key] != n {
			t.Errorf("%q: %d samples, want %d (all: %v)", key, got[key], n, got)
		}
	}
}

func first(s *profile.Sample, key string) string {
	if v := s.Label[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func number(s *profile.Sample, key string) string {
	if v := s.NumLabel[key]; len(v) > 0 {
		return strconv.FormatInt(v[0], 10)
	}
	return ""
}

// A run of any length takes the memory of its stacks: its slices are told apart as
// finely as there is room for, and no sample is lost or moves to a wrong row.
func TestManySlicesAreCountedInRows(t *testing.T) {
	c := NewCollector(func(results.SampleKind) Bands { return Bands{} })
	c.most = 100
	const length = 1000
	var samples int64
	for i := range length {
		few := make([]results.Sample, 1+i%7)
		for j := range few {
			few[j] = results.Sample{Kind: results.OffCPU, Weight: 2, Stack: int32(j % 3), Blocked: 5, Idle: 7, RunQueue: 11}
		}
		samples += int64(len(few))
		c.Add(i, few)
		if i%10 == 0 {
			c.settle()
		}
		if len(c.groups) > c.most {
			t.Fatalf("%d groups after %d slices, want %d at most", len(c.groups), i+1, c.most)
		}
	}
	p := readBack(t, (&Run{Samples: c, Stacks: stacks()}).OffCPU())
	if want := "slices are counted together, 32 in a row: the label slice is the first of them"; p.Comments[0] != want {
		t.Errorf("comment %q, want %q", p.Comments[0], want)
	}
	inRow := map[int64]int64{}
	for _, s := range p.Sample {
		first, _ := strconv.ParseInt(number(s, "slice"), 10, 64) // pprof drops a number that is 0
		inRow[first] += s.Value[0]
		if n := s.Value[0]; s.Value[1] != 16*n || s.Value[2] != 5*n || s.Value[3] != 11*n || s.Value[4] != 7*n {
			t.Errorf("%d stays have values %v", n, s.Value)
		}
	}
	for first := range inRow {
		var want int64
		for i := first; i < min(first+32, length); i++ {
			want += 2 * (1 + i%7)
		}
		if first%32 != 0 || inRow[first] != want {
			t.Errorf("from slice %d on %d stays, want %d", first, inRow[first], want)
		}
		samples -= inRow[first] / 2
	}
	if samples != 0 {
		t.Errorf("%d samples are missing", samples)
	}
}

// What slices don't tell apart stays apart, however much it is.
func TestStacksAreNotCountedTogether(t *testing.T) {
	c := NewCollector(func(results.SampleKind) Bands { return Bands{} })
	c.most = 100
	for i := range 1000 {
		c.Add(i%3, []results.Sample{{Kind: results.OnCPU, Weight: 1, Stack: int32(i)}})
	}
	if got := c.samples(results.OnCPU, nil, func(s *Sums) []int64 { return []int64{s.Samples} }); len(got) != 1000 {
		t.Errorf("%d samples, want 1000", len(got))
	}
}

func TestBandsThatAreNotKnown(t *testing.T) {
	for _, c := range []struct {
		bands Bands
		trip  int64
		want  Band
	}{
		{Bands{}, 5, NoBand},
		{Bands{P50: ptr(int64(10))}, 9, Fast},
		{Bands{P50: ptr(int64(10))}, 1000, Usual},
		{Bands{P50: ptr(int64(10)), P99: ptr(int64(20))}, 20, Usual},
		{Bands{P50: ptr(int64(10)), P99: ptr(int64(20))}, 21, Slow},
	} {
		if got := c.bands.Of(c.trip); got != c.want {
			t.Errorf("%d: %v, want %v", c.trip, got, c.want)
		}
	}
}

func TestStaysAndCallsAreWeighted(t *testing.T) {
	run := banded()
	off := readBack(t, run.OffCPU())
	sums := make([]int64, len(off.SampleType))
	for _, s := range off.Sample {
		for i, v := range s.Value {
			sums[i] += v
		}
	}
	if want := []int64{192, 2 * 64 * 1010, 2 * 64 * 1000, 2 * 64 * 10, 64 * 7000}; !equal(sums, want) {
		t.Errorf("off CPU: %v, want %v", sums, want)
	}
	if off.DefaultSampleType != "delay" || off.Period != 64 {
		t.Errorf("off CPU: shows %q, period %d", off.DefaultSampleType, off.Period)
	}
	calls := readBack(t, run.Calls())
	if len(calls.Sample) != 1 || calls.Sample[0].Value[0] != 24 || first(calls.Sample[0], "syscall") != "sendto" || calls.Period != 8 {
		t.Errorf("calls: %+v, period %d", calls.Sample, calls.Period)
	}
}

func equal(a, b []int64) bool {
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// A run of any length takes a bounded memory, and loses nothing by it.
func TestManySamplesAreSettledEarly(t *testing.T) {
	c := NewCollector(func(results.SampleKind) Bands { return Bands{} })
	batch := make([]results.Sample, pendingMost/4+1)
	for i := range batch {
		batch[i] = results.Sample{Kind: results.OnCPU, Weight: 1}
	}
	for range 9 {
		c.Add(0, batch)
	}
	if len(c.pending) > pendingMost {
		t.Errorf("%d samples wait, want at most %d", len(c.pending), pendingMost)
	}
	if n, _ := c.Count(results.OnCPU); n != int64(9*len(batch)) {
		t.Errorf("%d samples, want %d", n, 9*len(batch))
	}
}

func TestInlinedFunctionsShareALocation(t *testing.T) {
	inner := results.Frame{Function: "memcpy", Object: "gateway", Address: 0x1000, Inlined: true, File: "string_fortified.h", Line: 29}
	outer := results.Frame{Function: "decode", Object: "gateway", Address: 0x1000, File: "frame.c", Line: 12,
		Mapping: &results.Mapping{Start: 0x800, Limit: 0x2000, Offset: 0x400, File: "/opt/gateway", BuildID: "ab"}}
	run := runOf([]results.Stack{{Frames: []results.Frame{inner, outer}, Samples: 4, Complete: true}})
	p := readBack(t, run.CPU(time.Millisecond, 0))
	l := p.Location[0]
	if len(p.Location) != 1 || len(l.Line) != 2 || l.Line[0].Function.Name != "memcpy" || l.Line[1].Line != 12 {
		t.Errorf("locations: %v", p.Location)
	}
	if m := l.Mapping; m.Start != 0x800 || m.Limit != 0x2000 || m.Offset != 0x400 || m.File != "/opt/gateway" || !m.HasInlineFrames || !m.HasLineNumbers {
		t.Errorf("mapping: %+v", m)
	}
}

// store writes a profile where the Go tool can read it.
func store(t *testing.T, name string, from Profile) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Write(file, from), file.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheGoToolTakesItsOptions(t *testing.T) {
	run := banded()
	path := store(t, "cpu.pb.gz", run.CPU(10*time.Millisecond, 0))
	off := store(t, "offcpu.pb.gz", run.OffCPU())
	calls := store(t, "syscalls.pb.gz", run.Calls())
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"top":            {[]string{"-top", path}, `500ms +50\.00%.* +unix_stream_sendmsg`},
		"peek":           {[]string{"-peek", "json_parse", path}, `(?s)main.*json_parse`},
		"tagfocus":       {[]string{"-top", "-tagfocus", "band=above p99", path}, `(?s)Total samples = 1000ms.*400ms +40\.00% .* json_parse`},
		"tagfocus slice": {[]string{"-top", "-tagfocus", "slice=1", path}, `500ms, 50\.00% of 1000ms total`},
		"diff_base":      {[]string{"-top", "-diff_base", path, path}, `Showing nodes accounting for 0, 0% of 1s total`},
		"tags":           {[]string{"-tags", path}, `above p99`},
		"off CPU":        {[]string{"-top", off}, `129\.28us`},
		"idle":           {[]string{"-top", "-sample_index=idle", off}, `448us`},
		"calls":          {[]string{"-top", calls}, `24 +100% .* bpf_prog_take`},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"tool", "pprof", "-symbolize=none"}, c.args...)
			out, err := exec.Command("go", args...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if !regexp.MustCompile(c.want).Match(out) {
				t.Errorf("no %q in\n%s", c.want, out)
			}
		})
	}
}
