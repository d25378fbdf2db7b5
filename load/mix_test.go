// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"github.com/ipcprobe/ipcprobe/results"
)

func TestMixes(t *testing.T) {
	for s, want := range map[string][]part{
		"80% 0x01 256B, 15% 0x02 64B, 5% ping": {
			{name: "0x01 256B", share: 0.8, kind: 1, payload: "256B"},
			{name: "0x02 64B", share: 0.15, kind: 2, payload: "64B"},
			{name: "ping", share: 0.05, kind: 9, payload: "0", ping: true},
		},
		"99.5%1KiB,0.5 % 0xF2": {
			{name: "1KiB", share: 0.995, kind: 9, payload: "1KiB"},
			{name: "0xF2", share: 0.005, kind: 0xf2, payload: "0"},
		},
		`50% {"a":1,"b":[2,3]}, 50% GET key`: {
			{name: `{"a":1,"b":[2,3]}`, share: 0.5, kind: 9, payload: `{"a":1,"b":[2,3]}`},
			{name: "GET key", share: 0.5, kind: 9, payload: "GET key"},
		},
	} {
		got, err := parseMix(s, 9)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("parseMix(%q) =\n%+v, %v, want\n%+v", s, got, err, want)
		}
	}
	for name, s := range map[string]string{
		"empty": "", "no share": "0x01 64", "a share of nothing": "100%", "shares below 100": "50% 64", "shares above 100": "60% 64, 60% 128",
		"a share of 0": "0% 64, 100% 65", "a bad type": "100% 0x1ff 64", "words before": "x 100% 64", "too many": strings.Repeat("1% 64,", 100),
	} {
		if got, err := parseMix(s, 1); err == nil {
			t.Errorf("%s: parseMix(%q) = %+v, want an error", name, s, got)
		}
	}
}

func FuzzMix(f *testing.F) {
	f.Add("80% 0x01 256B, 15% 0x02 64B, 5% ping")
	f.Add(`50% {"a":"{{string 5}}"}, 50% 0x02 {"n":{{int -5 5}}}`)
	f.Fuzz(func(t *testing.T, s string) {
		list, err := parseMix(s, 1)
		if err != nil {
			return
		}
		sum := 0.0
		for i := range list {
			sum += list[i].share
			if !list[i].readsFile() && len(s) < 1000 {
				_ = list[i].check(wire.Line{})
			}
		}
		if math.Abs(sum-1) > 0.001 {
			t.Errorf("the shares of %q add up to %v", s, sum)
		}
	})
}

// makerOf is the maker of the first of n workers, for a codec.
func makerOf(t testing.TB, codec wire.Codec, threads int, o Options) *maker {
	t.Helper()
	mix, err := o.kinds(codec)
	if err != nil {
		t.Fatal(err)
	}
	o.Threads = threads
	return newMaker(&settings{options: o, codec: codec, mix: mix}, 0)
}

func TestSharesAreKept(t *testing.T) {
	o := Defaults()
	o.Mix = "80% 0x01 256B, 15% 0x02 64B, 5% ping"
	m := makerOf(t, wire.IPC{}, 1, o)
	const n = 100_000
	var got [3]int
	for range n {
		got[m.choose()]++
	}
	for i, want := range []float64{0.8, 0.15, 0.05} {
		if d := math.Abs(float64(got[i])/n - want); d > 4*math.Sqrt(want*(1-want)/n) {
			t.Errorf("kind %d has a share of %v, want %v", i, float64(got[i])/n, want)
		}
	}
}

func TestRequestsAreMadeWithoutAllocating(t *testing.T) {
	o := Defaults()
	o.Mix = `50% 0x01 256B, 30% {"n":{{seq}},"i":{{int -50 5000}},"t":{{time}},"s":"{{string 20}}","u":"{{uuid}}"}, 20% ping`
	m := makerOf(t, wire.IPC{}, 1, o)
	var out []byte
	for range 20_000 { // makes every shape
		out = m.put(out[:0], &m.kinds[m.choose()], 1)
	}
	m.kinds[1].seq = 20_000
	if n := testing.AllocsPerRun(1000, func() { out = m.put(out[:0], &m.kinds[m.choose()], 1) }); n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}

func BenchmarkPut(b *testing.B) {
	for name, payload := range map[string]string{
		"template": `{"n":{{seq}},"i":{{int 1 5000}},"s":"{{string 16}}"}`,
	} {
		b.Run(name, func(b *testing.B) {
			o := Defaults()
			o.Payload = payload
			m := makerOf(b, wire.IPC{}, 1, o)
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				out = m.put(out[:0], &m.kinds[0], 1)
			}
		})
	}
}

// witness is a server that keeps the payload of every request, by its type, and
// the bytes of each connection.
type witness struct {
	mu       sync.Mutex
	payloads map[byte][]string
	bytes    []uint64
}

func (v *witness) serve(s *testServer, c net.Conn, in *bufio.Reader) error {
	total := uint64(0)
	defer func() {
		v.mu.Lock()
		v.bytes = append(v.bytes, total)
		v.mu.Unlock()
	}()
	for {
		var head [wire.IPCHeader]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:])-wire.IPCHeader)
		if _, err := io.ReadFull(in, body); err != nil {
			return io.ErrUnexpectedEOF
		}
		s.requests.Add(1)
		total += uint64(len(head) + len(body))
		v.mu.Lock()
		v.payloads[head[5]] = append(v.payloads[head[5]], string(body))
		v.mu.Unlock()
		if _, err := c.Write(goodAnswer); err != nil {
			return err
		}
	}
}

// TestPositionsOfAMixAreExact: what the records say of every request is what
// went over the socket, whatever its length, and the kinds add up.
func TestPositionsOfAMixAreExact(t *testing.T) {
	v := &witness{payloads: map[byte][]string{}}
	s := startServer(t, v.serve)
	o := testOptions(s)
	o.Connections, o.Threads, o.Pipeline, o.Requests = 6, 2, 4, 3000
	o.Mix = `40% 0x01 {"n":{{seq}},"i":{{int 7 12345}}}, 30% 0x02 200, 20% 0x03 {"s":"{{string 70000}}"}, 10% ping`
	g, err := Start(o, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	if _, err := g.Ready(); err != nil {
		t.Fatal(err)
	}
	if err := g.Begin(results.Slice{Index: 0, Mode: results.Bare}, true); err != nil {
		t.Fatal(err)
	}
	<-g.Exhausted()
	slice, requests, err := g.End(0)
	if err != nil {
		t.Fatal(err)
	}
	requests = slices.Clone(requests)
	if _, err := g.Stop(); err != nil {
		t.Fatal(err)
	}
	s.stop()

	if len(requests) != int(o.Requests) {
		t.Fatalf("%d requests are recorded, want %d", len(requests), o.Requests)
	}
	slices.SortStableFunc(requests, func(a, b results.Request) int { return int(int64(a.OutEnd) - int64(b.OutEnd)) })
	ends, byKind := map[uint32]uint64{}, map[uint16]int64{}
	probe := v.bytesOfProbe()
	ends[0] = probe
	for _, r := range requests {
		if begin := r.OutEnd - uint64(r.OutLen); begin != ends[r.Conn] {
			t.Fatalf("a request of connection %d begins at %d, the one before ended at %d", r.Conn, begin, ends[r.Conn])
		}
		ends[r.Conn] = r.OutEnd
		byKind[r.Kind]++
	}
	got, want := slices.Sorted(slices.Values(v.bytes)), slices.Sorted(maps.Values(ends))
	if !slices.Equal(got, want) {
		t.Errorf("the server read %d bytes, the records end at %d", got, want)
	}
	if len(slice.Kinds) != 4 {
		t.Fatalf("%d kinds, want 4", len(slice.Kinds))
	}
	for i, k := range slice.Kinds {
		n := byKind[uint16(i)]
		if k.Counts.OK != n || k.Counts.Sent != n || k.ResponseTime.Total() != n || k.RoundTrip.Total() != n {
			t.Errorf("kind %d: %+v with %d response times, the records have %d", i, k.Counts, k.ResponseTime.Total(), n)
		}
	}
	// The probe has the number 0; those of two workers differ and leave no gap.
	var numbers []int
	for _, body := range v.payloads[1] {
		var m struct{ N, I int }
		if err := json.Unmarshal([]byte(body), &m); err != nil || m.I < 7 || m.I > 12345 {
			t.Fatalf("payload %s: %v", body, err)
		}
		numbers = append(numbers, m.N)
	}
	slices.Sort(numbers)
	if n := len(slices.Compact(slices.Clone(numbers))); n != len(numbers) || numbers[0] != 0 {
		t.Errorf("%d numbers of %d requests, from %d on", n, len(numbers), numbers[0])
	}
}

// bytesOfProbe is the length of the first request's frame.
func (v *witness) bytesOfProbe() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, body := range v.payloads[1] {
		if strings.HasPrefix(body, `{"n":0,`) {
			return uint64(wire.IPCHeader + len(body))
		}
	}
	return 0
}

func TestAFolderIsSentInTurn(t *testing.T) {
	dir := t.TempDir()
	for name, body := range map[string]string{"a": "1", "b": "{}", "c": `"x"`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v := &witness{payloads: map[byte][]string{}}
	s := startServer(t, v.serve)
	o := testOptions(s)
	o.Connections, o.Requests, o.Payload = 1, 300, "@"+dir+"/"
	if _, err := Run(t.Context(), o, nil); err != nil {
		t.Fatal(err)
	}
	s.stop()
	got := v.payloads[o.Type][1:] // after the probe
	for i, body := range got {
		if want := []string{"1", "{}", `"x"`}[i%3]; body != want {
			t.Fatalf("request %d is %s, want %s", i, body, want)
		}
	}
	if len(got) != 300 {
		t.Errorf("%d requests, want 300", len(got))
	}
}

// TestAKindCountsWhatWasSentOfIt: a server that takes nothing leaves requests behind
// in the generator. What is taken back at the end was never sent, of no kind.
func TestAKindCountsWhatWasSentOfIt(t *testing.T) {
	for _, rate := range []string{"max", "20000"} {
		var got [2]atomic.Int64 // of each kind, by length
		s := startServer(t, func(s *testServer, c net.Conn, in *bufio.Reader) error {
			for {
				n, err := s.next(in)
				if err != nil {
					return err
				}
				got[min(1, n/1000)].Add(1)
				time.Sleep(3 * time.Millisecond)
				if _, err := c.Write(goodAnswer); err != nil {
					return err
				}
			}
		})
		o := testOptions(s)
		o.Mix, o.Rate, o.Pipeline, o.Connections = "50% 64, 50% 40KiB", rate, 64, 2
		o.Payload, o.Duration, o.Timeout = Defaults().Payload, 200*time.Millisecond, time.Minute
		sum, err := Run(t.Context(), o, nil)
		if err != nil {
			t.Fatal(err)
		}
		all := int64(1) // the server was tried with one
		for k, one := range sum.Slice.Kinds {
			all += one.Counts.Sent
			// The gap between the slice's end and the stop may send a few more.
			if seen := got[k].Load(); one.Counts.Sent > seen || one.Counts.Sent < seen-40 {
				t.Errorf("rate %s: %d of kind %d were sent, the server got %d", rate, one.Counts.Sent, k, seen)
			}
		}
		if c := sum.Totals.Counts; c.Sent != s.requests.Load() || all > c.Sent {
			t.Errorf("rate %s: %d of all kinds were sent, %d in all, the server got %d", rate, all, c.Sent, s.requests.Load())
		}
	}
}
