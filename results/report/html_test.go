// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestEveryReportHasAPage(t *testing.T) {
	for _, s := range specimens {
		t.Run(s.name, func(t *testing.T) {
			var out bytes.Buffer
			r := s.make()
			if err := HTML(&out, r, &Material{}); err != nil {
				t.Fatal(err)
			}
			for _, sec := range compose(r).sections {
				if id := `<section id="` + slug(sec.title) + `"`; strings.Count(out.String(), id) != 1 {
					t.Errorf("the page has no %s", id)
				}
			}
			if strings.ContainsAny(out.String(), "\x1b\x00\x07") {
				t.Error("a control character stands in the page")
			}
			if strings.Contains(out.String(), "<figure") && withheld(r) {
				t.Error("an invalid measurement has figures")
			}
		})
	}
}

// logged writes a log of n intervals and says how many answers are in it.
func logged(t *testing.T, n int) (string, int64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(4, 4))
	var slices []results.Slice
	var total int64
	for i := range n {
		at := int64(i) * 1e8
		v := results.Interval{Slice: i, Start: at, End: at + 1e8}
		h := results.NewHistogram()
		for range 100 {
			_ = h.RecordValue(1 + rng.Int64N(1e9))
		}
		total += h.TotalCount()
		v.ResponseTime = results.DurationsOf(h)
		slices = append(slices, results.Slice{Index: i, Mode: results.Bare + results.Mode(i%2), Start: at, End: at + 1e8, Intervals: []results.Interval{v}})
	}
	var out bytes.Buffer
	if err := HLog(&out, slices, 0, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	return out.String(), total
}

func TestALogIsReadBack(t *testing.T) {
	log, total := logged(t, 20)
	list, err := ReadHLog(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	sum := hdrhistogram.New(1, 1e11, 3)
	for i, s := range list {
		if want := []string{"bare", "probed"}[i%2]; s.Mode != want || s.Seconds != 0.1 {
			t.Errorf("stretch %d is %s and %v s long", i, s.Mode, s.Seconds)
		}
		s.Times.AddTo(sum)
	}
	if sum.TotalCount() != total {
		t.Errorf("%d answers, want %d", sum.TotalCount(), total)
	}
	for _, bad := range []string{"x", "Tag=bare,1,2", "Tag=bare,1,2,3,####", "Tag=bare,-1,2,3,AAAA", "Tag=bare,NaN,2,3,AAAA", "Tag=bare,1,2,3,HISTFAAA"} {
		if _, err := ReadHLog(strings.NewReader(bad)); err == nil {
			t.Errorf("%q was taken for a log", bad)
		}
	}
}

// A day's log is read in what its answers take, and not in a histogram a line.
func TestALongLogIsReadInLittleRoom(t *testing.T) {
	const lines, most = 400, 4 << 20 // as histograms they would be 90 MB
	log, _ := logged(t, lines)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	list, err := ReadHLog(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > most {
		t.Errorf("%d lines take %d bytes, want %d at most", len(list), grown, most)
	}
	if len(list) != lines {
		t.Errorf("%d lines, want %d", len(list), lines)
	}
	runtime.KeepAlive(list)
}

func TestDamagedMaterialIsNamed(t *testing.T) {
	log, _ := logged(t, 2)
	files := map[string]string{"latency.hlog": log, "cpu.pb.gz": "no profile"}
	m, err := ReadMaterial(func(name string) (io.ReadCloser, error) {
		text, there := files[name]
		if !there {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(text)), nil
	})
	if err == nil || !strings.Contains(err.Error(), "read cpu.pb.gz") {
		t.Errorf("error is %v", err)
	}
	if len(m.Latency) != 2 || m.CPU != nil || m.Heap != nil {
		t.Errorf("material is %+v", m)
	}
}

func FuzzReadHLog(f *testing.F) {
	f.Add("Tag=bare,0.000,0.100,1.000,HISTFAAAAB542pNpmSzMwMDAxQABzFCaEUoz2X+AsAA/gQJp")
	f.Add("#[BaseTime: 1.0]\n\"StartTimestamp\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := ReadHLog(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, s := range list {
			if s.Times.Histogram() == nil || !(s.Seconds >= 0) {
				t.Errorf("took %+v", s)
			}
		}
	})
}

// TestEveryFigureHasItsPlace gives a page all that can be drawn.
func TestEveryFigureHasItsPlace(t *testing.T) {
	r := healthy()
	r.Tail = &results.Tail{Quantile: 0.99, ShareOfExcess: map[string]float64{"queue wait, server busy": 80, "send call": 20}}
	r.Memory.Curve = []results.MemoryPoint{{AtNs: 0, RSSBytes: 1 << 20}, {AtNs: 1e9, RSSBytes: 2 << 20}}
	log, _ := logged(t, 40)
	m := &Material{}
	var err error
	if m.Latency, err = ReadHLog(strings.NewReader(log)); err != nil {
		t.Fatal(err)
	}
	f := &profile.Function{ID: 1, Name: "main"}
	l := &profile.Location{ID: 1, Line: []profile.Line{{Function: f}}}
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}},
		Sample: []*profile.Sample{{Value: []int64{5}, Location: []*profile.Location{l}}}}
	m.CPU, m.OffCPU, m.Syscalls, m.Heap = p, p, p, p
	var out bytes.Buffer
	if err := HTML(&out, r, m); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"timeline", "distribution", "legs", "tail", "cpu-flame", "offcpu-flame", "syscall-flame", "rss", "heap-flame"} {
		if strings.Count(out.String(), `data-figure="`+id+`"`) != 1 {
			t.Errorf("the figure %q does not stand once in the page", id)
		}
	}
}
