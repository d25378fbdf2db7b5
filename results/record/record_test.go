// SPDX-License-Identifier: Apache-2.0

package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

const start = int64(1_000_000_000_000)

// request ended in slice 1 at ns after its start, after taking took.
func request(at, took int64, kind uint16, outcome results.Outcome) results.Request {
	r := results.Request{
		Intended: start + at - took, Sent: start + at - took/2, Received: start + at,
		OutEnd: 1 << 40, InEnd: 1 << 33, OutLen: 70, InLen: 17, Conn: 3, Kind: kind, Outcome: outcome,
	}
	if outcome > results.ErrorAnswer {
		r.Received = 0
	}
	return r
}

func header() Header {
	return Header{
		Tool: results.Tool{Version: "1"}, Socket: "/run/s", Connections: 4, Rate: "max",
		Kinds: []Kind{{Name: "a", SharePct: 50}, {Name: "b", SharePct: 50}},
	}
}

var (
	warmup   = results.Slice{Index: 0, Mode: results.Warmup, Start: start - 5e8, End: start}
	measured = results.Slice{Index: 1, Mode: results.Bare, Start: start, End: start + 1_050_000_000, GeneratorNs: 77}
	requests = []results.Request{
		request(50_000_000, 10_000, 0, results.OK),
		request(60_000_000, 30_000, 1, results.OK),
		request(950_000_000, 20_000, 1, results.OK),
		request(951_000_000, 20_000, 1, results.ErrorAnswer),
		request(952_000_000, 20_000, 0, results.Timeout),
	}
)

// sample is a whole record.
func sample(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, header())
	if err != nil {
		t.Fatal(err)
	}
	begun := measured
	begun.End, begun.GeneratorNs = 0, 0
	for _, err := range []error{
		w.Connections([]results.Connection{{Index: 0, Cookie: 9}, {Index: 1, Cookie: 1 << 50}}),
		w.Slice(warmup),
		w.Requests(0, []results.Request{request(-1000, 500, 0, results.OK)}),
		w.Slice(begun),
		w.Requests(1, requests),
		w.Requests(-1, []results.Request{
			request(1_060_000_000, 40_000_000, 0, results.OK),
			request(1_060_000_000, 1_000_000, 0, results.OK), // began behind the slice, too
		}),
		w.Slice(measured),
		w.End(End{Counts: results.Counts{Sent: 8, OK: 6}, Warnings: []string{"w"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestARecordComesBackAsItWasWritten(t *testing.T) {
	r, err := NewReader(bytes.NewReader(sample(t)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.Header, header()) {
		t.Errorf("header %+v, want %+v", r.Header, header())
	}
	var got []results.Request
	var conns []results.Connection
	var list []results.Slice
	var end *End
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, b.Connections...)
		if b.In == 1 {
			got = append(got, b.Requests...)
		}
		if b.Slice != nil {
			list = append(list, *b.Slice)
		}
		if b.End != nil {
			end = b.End
		}
	}
	if !reflect.DeepEqual(got, requests) {
		t.Errorf("requests\n%+v, want\n%+v", got, requests)
	}
	if len(conns) != 2 || conns[1] != (results.Connection{Index: 1, Cookie: 1 << 50}) {
		t.Errorf("connections %+v", conns)
	}
	if len(list) != 3 || !reflect.DeepEqual(list[2], measured) {
		t.Errorf("slices %+v, the last is to be %+v", list, measured)
	}
	if end == nil || end.Counts.Sent != 8 || end.Warnings[0] != "w" {
		t.Errorf("end %+v", end)
	}
}

func TestARecordIsCountedBySliceIntervalAndKind(t *testing.T) {
	r, err := Load(bytes.NewReader(sample(t)))
	if err != nil {
		t.Fatal(err)
	}
	if !r.Whole || r.Requests != 8 || len(r.Slices) != 2 {
		t.Fatalf("whole %t, %d requests, %d slices", r.Whole, r.Requests, len(r.Slices))
	}
	s := r.Slices[1]
	want := results.Counts{Sent: 6, OK: 3, Error: 1, Timeout: 1} // one of the six is answered after the slice
	if got := s.Counts(); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	times := int64(0)
	for _, v := range s.Intervals {
		times += v.ResponseTime.Total()
	}
	if times != 4 {
		t.Errorf("%d response times, want 4: that of the one that is answered after the slice too", times)
	}
	if len(s.Intervals) != 11 {
		t.Fatalf("%d intervals, want 11: those without requests count too", len(s.Intervals))
	}
	at := start
	for i, v := range s.Intervals {
		if v.Start != at {
			t.Errorf("interval %d begins at %d, want %d", i, v.Start-start, at-start)
		}
		at = v.End
	}
	if at != measured.End {
		t.Errorf("the last interval ends at %d", at-start)
	}
	if v := s.Intervals[0]; v.Counts.OK != 2 || v.ResponseTime.Total() != 2 || v.BytesIn != 34 {
		t.Errorf("the first interval is %+v", v)
	}
	h := s.Intervals[9].ResponseTime.Histogram()
	if v := h.Max(); v < 19_990 || v > 20_020 {
		t.Errorf("response time %d, want 20,000 to 0.1 %%", v)
	}
	if len(s.Kinds) != 2 || s.Kinds[0].Counts.OK != 1 || s.Kinds[0].Counts.Timeout != 1 || s.Kinds[1].Counts.OK != 2 || s.Kinds[0].RoundTrip.Total() != 2 {
		t.Errorf("kinds %+v", s.Kinds)
	}
}

// TestBucketsAreThoseOfTheHistogram: each duration counts where a histogram would
// count it.
func TestBucketsAreThoseOfTheHistogram(t *testing.T) {
	h := results.NewHistogram()
	for v := int64(1); v < results.HistogramMax; v = v*13/12 + 1 {
		if b := bucket(v); !h.ValuesAreEquivalent(b, v) {
			t.Fatalf("%d is counted at %d, which is another bucket", v, b)
		}
	}
}

func TestARecordThatWasCutOffIsReadAsFarAsItGoes(t *testing.T) {
	whole := sample(t)
	seen := map[int64]bool{}
	for n := range len(whole) {
		r, err := Load(bytes.NewReader(whole[:n]))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if r.Whole {
			t.Fatalf("cut at %d of %d it is whole", n, len(whole))
		}
		seen[r.Requests] = true
	}
	if len(seen) != 4 {
		t.Errorf("cut records had %v requests", seen)
	}
}

// spoilt is the sample with a change; the block it lies in gets a good checksum
// where mend is set.
func TestDamageIsFound(t *testing.T) {
	block := func(kind byte, body []byte) []byte {
		w := &Writer{to: io.Discard}
		w.end(append(w.begin(kind), body...))
		return w.block
	}
	whole := sample(t)
	head := len(magic) + 4
	for name, file := range map[string][]byte{
		"nothing":               {},
		"another file":          []byte("#!/bin/sh\necho hello, this is no record\n"),
		"line ends":             bytes.Replace(bytes.Clone(whole), []byte("IPCREC\n"), []byte("IPCREC\r"), 1),
		"a later version":       append(append([]byte(magic), 2, 0, 0, 0), whole[head:]...),
		"a flipped bit":         flipped(whole, len(whole)/2),
		"a huge block":          append(bytes.Clone(whole[:head]), 0xff, 0xff, 0xff, 0xff, 'H', 0, 0, 0, 0, 0, 0, 0),
		"no header":             append(bytes.Clone(whole[:head]), block('R', make([]byte, 8))...),
		"header in words":       append(bytes.Clone(whole[:head]), block('H', []byte("hello"))...),
		"more behind the end":   append(bytes.Clone(whole), 0),
		"an unknown block":      withBlock(t, block('X', nil)),
		"half a request":        withBlock(t, block('R', make([]byte, 30))),
		"half a connection":     withBlock(t, block('C', make([]byte, 15))),
		"half a slice":          withBlock(t, block('S', make([]byte, 31))),
		"a slice backwards":     withBlock(t, block('S', append(make([]byte, 8), le(5, 4, 0)...))),
		"a slice of a century":  withBlock(t, block('S', append(make([]byte, 8), le(5, 3e18, 0)...))),
		"a request of no slice": withBlock(t, block('R', append([]byte{7, 0, 0, 0, 0, 0, 0, 0}, make([]byte, requestSize)...))),
		"a request of no kind":  withBlock(t, block('R', append(append([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, make([]byte, 52)...), 9, 0, 0, 0))),
	} {
		if _, err := Load(bytes.NewReader(file)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 4
	return b
}

func le(values ...int64) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// withBlock is a record with a header and one more block.
func withBlock(t *testing.T, block []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := NewWriter(&b, header()); err != nil {
		t.Fatal(err)
	}
	b.Write(block)
	return b.Bytes()
}

// full is a disk that fills up.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if f.room -= len(b); f.room < 0 {
		return 0, errors.New("disk full")
	}
	return len(b), nil
}

func TestAWriterKeepsItsFirstError(t *testing.T) {
	w, err := NewWriter(&full{room: 2000}, header())
	if err != nil {
		t.Fatal(err)
	}
	first := w.Requests(0, make([]results.Request, 1000))
	if first == nil {
		t.Fatal("56,000 bytes went into 2,000")
	}
	if err := w.End(End{}); !errors.Is(err, first) {
		t.Errorf("End: %v, want %v", err, first)
	}
}

func TestLongListsAreSplit(t *testing.T) {
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Slice(measured); err != nil {
		t.Fatal(err)
	}
	const n = 3*maxRequests + 5
	if err := w.Requests(1, make([]results.Request, n)); err != nil {
		t.Fatal(err)
	}
	r, err := Load(&b)
	if err != nil || r.Requests != n {
		t.Errorf("%v, %d requests, want %d", err, r.Requests, n)
	}
}

// FuzzLoad: whatever a file says, it is read or refused, with memory for what is
// there.
func FuzzLoad(f *testing.F) {
	whole := sample(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add([]byte(magic + "\x01\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		mended(file)
		r, err := Load(bytes.NewReader(file))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("an error that says nothing: %v", err)
			}
			return
		}
		for _, s := range r.Slices {
			for _, v := range s.Intervals {
				if v.End < v.Start || v.ResponseTime.Total() != v.RoundTrip.Total() {
					t.Fatalf("interval %+v", v)
				}
			}
		}
	})
}

// mended gives every block a good checksum, so that what is behind it is reached.
func mended(file []byte) {
	for at := len(magic) + 4; at+blockHead <= len(file); {
		n := int64(binary.LittleEndian.Uint32(file[at:])) + blockHead
		if n > int64(len(file)-at) {
			return
		}
		binary.LittleEndian.PutUint32(file[at+8:], checksum(file[at:at+int(n)]))
		at += int(n)
	}
}
