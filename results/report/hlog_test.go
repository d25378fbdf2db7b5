// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

var began = time.Date(2026, 11, 23, 16, 40, 2, 250e6, time.UTC)

const origin = 7_000_000_000_000

// sliced is a warm-up, a bare and a probed slice, and a gap between them.
func sliced() []results.Slice {
	var out []results.Slice
	at := int64(origin)
	for i, mode := range []results.Mode{results.Warmup, results.Bare, results.Gap, results.Probed} {
		s := results.Slice{Index: i, Mode: mode, Start: at}
		for j := range 3 {
			h := recorded(uint64(i*10+j), 500, 92_000, 0.3)
			if j == 2 {
				h = results.NewHistogram() // an interval without an answer
			}
			s.Intervals = append(s.Intervals, results.Interval{Slice: i, Start: at, End: at + 1e8, ResponseTime: results.DurationsOf(h)})
			at += 1e8
		}
		s.End = at
		out = append(out, s)
	}
	return out
}

func hlog(t *testing.T) string {
	t.Helper()
	var buf bytes.Buffer
	if err := HLog(&buf, sliced(), origin, began); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

func TestHLogIsReadBackByTheLibrary(t *testing.T) {
	slices := sliced()
	want := []struct {
		tag string
		i   *results.Interval
	}{
		{"bare", &slices[1].Intervals[0]}, {"bare", &slices[1].Intervals[1]},
		{"probed", &slices[3].Intervals[0]}, {"probed", &slices[3].Intervals[1]},
	}
	reader := hdrhistogram.NewHistogramLogReader(strings.NewReader(hlog(t)))
	for n, w := range want {
		h, err := reader.NextIntervalHistogram()
		if err != nil || h == nil {
			t.Fatalf("interval %d: %v", n, err)
		}
		if h.Tag() != w.tag {
			t.Errorf("interval %d: tag %q, want %q", n, h.Tag(), w.tag)
		}
		if !h.Equals(w.i.ResponseTime.Histogram()) {
			t.Errorf("interval %d: the histogram changed", n)
		}
		start := began.UnixMilli() + (w.i.Start-origin)/1e6
		if d := h.StartTimeMs() - start; d < -1 || d > 1 {
			t.Errorf("interval %d starts at %d, want %d", n, h.StartTimeMs(), start)
		}
		if d := h.EndTimeMs() - start - 100; d < -1 || d > 1 {
			t.Errorf("interval %d ends at %d, want %d", n, h.EndTimeMs(), start+100)
		}
	}
	if h, err := reader.NextIntervalHistogram(); h != nil || err != nil {
		t.Errorf("a line too many: %v %v", h, err)
	}
}

// TestHLogKeepsToTheFormat reads the file by the format's definition: head,
// columns, and the V2 cookies around a zlib stream.
func TestHLogKeepsToTheFormat(t *testing.T) {
	lines := strings.Split(strings.TrimSuffix(hlog(t), "\n"), "\n")
	head := []string{
		`^#\[ipcprobe: .*\]$`,
		`^#\[Histogram log format version 1\.3\]$`,
		`^#\[StartTime: 1795452002\.250 \(seconds since epoch\), 2026-11-23T16:40:02Z\]$`,
		`^#\[BaseTime: 1795452002\.250 \(seconds since epoch\)\]$`,
		`^"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"$`,
	}
	for i, pattern := range head {
		if !regexp.MustCompile(pattern).MatchString(lines[i]) {
			t.Errorf("line %d is %q", i+1, lines[i])
		}
	}
	row := regexp.MustCompile(`^Tag=(bare|probed),(\d+\.\d{3}),(0\.100),(\d+\.\d{3}),([A-Za-z0-9+/]+=*)$`)
	last := -1.0
	for _, line := range lines[len(head):] {
		m := row.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("no interval: %q", line)
		}
		start, err := strconv.ParseFloat(m[2], 64)
		if err != nil || start <= last {
			t.Errorf("start %s after %v: %v", m[2], last, err)
		}
		last = start
		checkV2(t, m[5])
	}
}

func checkV2(t *testing.T, payload string) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	if cookie := binary.BigEndian.Uint32(raw); cookie != 0x1c849304|0x10 {
		t.Errorf("outer cookie %#x", cookie)
	}
	if n := binary.BigEndian.Uint32(raw[4:]); int(n) != len(raw)-8 {
		t.Errorf("compressed length %d of %d", n, len(raw)-8)
	}
	z, err := zlib.NewReader(bytes.NewReader(raw[8:]))
	if err != nil {
		t.Fatal(err)
	}
	inner, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	if cookie := binary.BigEndian.Uint32(inner); cookie != 0x1c849303|0x10 {
		t.Errorf("inner cookie %#x", cookie)
	}
	if digits := binary.BigEndian.Uint32(inner[12:]); digits != results.HistogramDigits {
		t.Errorf("%d digits", digits)
	}
}

func TestHLogOfNothingIsItsHead(t *testing.T) {
	var buf bytes.Buffer
	if err := HLog(&buf, nil, 0, began); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(buf.String(), "\n"); n != 5 {
		t.Errorf("%d lines", n)
	}
	if HLog(failing{}, sliced(), origin, began) == nil {
		t.Error("the writer's error was lost")
	}
}

// TestHGrmKeepsToTheFormat reads each line by the format's definition and holds
// it against the histogram.
func TestHGrmKeepsToTheFormat(t *testing.T) {
	h := recorded(1, 50_000, 92_000, 0.3)
	var buf bytes.Buffer
	if err := HGrm(&buf, h); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(&buf)
	scan.Scan()
	if got := strings.Join(strings.Fields(scan.Text()), " "); got != "Value Percentile TotalCount 1/(1-Percentile)" {
		t.Errorf("head %q", got)
	}
	scan.Scan()
	if scan.Text() != "" {
		t.Errorf("line 2 is %q", scan.Text())
	}
	var foot []string
	var last [3]float64
	rows, ended := 0, false
	for scan.Scan() {
		if strings.HasPrefix(scan.Text(), "#[") {
			foot = append(foot, strings.Join(strings.Fields(scan.Text()), " "))
			continue
		}
		fields := strings.Fields(scan.Text())
		ended = len(fields) == 3
		if len(fields) != 4 && !ended {
			t.Fatalf("row %q", scan.Text())
		}
		var f [3]float64
		for i := range f {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil || v < last[i] {
				t.Fatalf("row %q after %v: %v", scan.Text(), last, err)
			}
			f[i] = v
		}
		if want := notAbove(h, f[0]*1000); int64(f[2]) != want {
			t.Errorf("%v values up to %v µs, the histogram holds %d", f[2], f[0], want)
		}
		if f[2] < f[1]*float64(h.TotalCount())-1e-6 {
			t.Errorf("%v of %d values are less than %v of them", f[2], h.TotalCount(), f[1])
		}
		if !ended {
			inverse, err := strconv.ParseFloat(fields[3], 64)
			if want := 1 / (1 - f[1]); err != nil || math.Abs(inverse-want) > 0.01+want/1000 {
				t.Errorf("1/(1-%v) is %v: %v", f[1], inverse, err)
			}
		}
		last, rows = f, rows+1
	}
	if rows < 40 || !ended || last[1] != 1 || int64(last[2]) != h.TotalCount() {
		t.Errorf("%d rows, the last %v", rows, last)
	}
	for i, pattern := range []string{`^#\[Mean = [\d.]+, StdDeviation = [\d.]+\]$`, `^#\[Max = [\d.]+, Total count = 50000\]$`,
		`^#\[Buckets = 27, SubBuckets = 2048\]$`} {
		if i >= len(foot) || !regexp.MustCompile(pattern).MatchString(foot[i]) {
			t.Errorf("foot %v", foot)
		}
	}
}

// notAbove counts the recorded values up to ns.
func notAbove(h *hdrhistogram.Histogram, ns float64) int64 {
	var n int64
	for _, b := range h.Distribution() {
		if float64(b.To) <= ns+0.5 {
			n += b.Count
		}
	}
	return n
}

func TestHGrmAgreesWithTheLibrary(t *testing.T) {
	h := recorded(3, 20_000, 1_500_000, 0.5)
	var ours, theirs bytes.Buffer
	if err := HGrm(&ours, h); err != nil {
		t.Fatal(err)
	}
	if _, err := h.PercentilesPrint(&theirs, hgrmTicks, 1000); err != nil {
		t.Fatal(err)
	}
	a, b := numbers(ours.String()), numbers(theirs.String())
	if len(a) != len(b) {
		t.Fatalf("%d figures, the library prints %d", len(a), len(b))
	}
	for i := range a {
		if math.Abs(a[i]-b[i]) > 1e-5*max(1, math.Abs(b[i])) {
			t.Errorf("figure %d is %v, the library prints %v", i, a[i], b[i])
		}
	}
}

// numbers are the values, percentiles and counts of the rows and all figures
// of the foot. The last column is left out: the library prints it of the last
// row too.
func numbers(doc string) []float64 {
	var out []float64
	for _, line := range strings.Split(doc, "\n")[2:] {
		fields := strings.Fields(strings.NewReplacer(",", " ", "]", " ").Replace(line))
		if !strings.HasPrefix(line, "#") && len(fields) > 3 {
			fields = fields[:3]
		}
		for _, f := range fields {
			if v, err := strconv.ParseFloat(f, 64); err == nil {
				out = append(out, v)
			}
		}
	}
	return out
}

func TestHGrmOfNothing(t *testing.T) {
	var buf bytes.Buffer
	if err := HGrm(&buf, results.NewHistogram()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(buf.String(), "NaN") || strings.Count(buf.String(), "\n") != 5 {
		t.Errorf("%q", buf.String())
	}
	if HGrm(failing{}, results.NewHistogram()) == nil {
		t.Error("the writer's error was lost")
	}
}
