// SPDX-License-Identifier: Apache-2.0

package massif

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func frame(address uint64, function string) results.Frame {
	return results.Frame{Function: function, Object: "server", Address: address}
}

func sample() *results.Heap {
	main := frame(0x10, "main")
	return &results.Heap{
		All: []results.HeapSite{
			{Frames: []results.Frame{frame(0x1a, "leak"), main}},
			{Frames: []results.Frame{frame(0x2b, "cache\n\x1b[31m"), main}},
			{Frames: []results.Frame{frame(0x2b, "cache\n\x1b[31m"), frame(0x3c, "other"), main}},
			{Frames: []results.Frame{frame(0x4d, "small"), main}},
		},
		Moments: []results.HeapMoment{
			{At: 1_000_000, LiveBytes: 300, Sites: []results.HeapHeld{{Site: 0, Bytes: 100}, {Site: 1, Bytes: 200}}},
			{At: 2_500_000, LiveBytes: 1303, Sites: []results.HeapHeld{{Site: 0, Bytes: 200}, {Site: 1, Bytes: 600}, {Site: 2, Bytes: 500}, {Site: 3, Bytes: 3}, {Site: 9, Bytes: 5}}},
			{At: 4_000_000, LiveBytes: 10}, // only the sums were read
			{At: 5_000_000, LiveBytes: 300, Sites: []results.HeapHeld{{Site: 0, Bytes: 300}, {Site: 1, Bytes: -40}}},
		},
	}
}

func TestTheCurveIsWrittenAsMassifDoes(t *testing.T) {
	var got bytes.Buffer
	if err := Write(&got, sample(), []string{"server", "--flag\n"}); err != nil {
		t.Fatal(err)
	}
	const want = `snapshot=2
#-----------
time=2
mem_heap_B=1303
mem_heap_extra_B=0
mem_stacks_B=0
heap_tree=peak
n3: 1303 (heap allocation functions) malloc/new/new[], --alloc-fns, etc.
 n2: 1100 0x2B: cache??[31m (in server)
  n0: 600 0x10: main (in server)
  n1: 500 0x3C: other (in server)
   n0: 500 0x10: main (in server)
 n1: 200 0x1A: leak (in server)
  n0: 200 0x10: main (in server)
 n0: 3 in 1 place, below massif's threshold (1.00%)
#-----------
snapshot=3
#-----------
time=5
mem_heap_B=300
`
	if !strings.Contains(got.String(), want) {
		t.Errorf("got\n%s\nwant in it\n%s", got.String(), want)
	}
	if !strings.Contains(got.String(), "cmd: server --flag?\ntime_unit: ms\n") || strings.Count(got.String(), "snapshot=") != 4 {
		t.Errorf("got\n%s", got.String())
	}
}

var nodeLine = regexp.MustCompile(`^( *)n(\d+): (\d+) `)

// Whatever is held, each node's lines are as many as it says and add up to it, or
// to less where stacks end there.
func TestTreesAddUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		h := &results.Heap{}
		m := results.HeapMoment{}
		for i := range rng.IntN(60) {
			var s results.HeapSite
			for range 1 + rng.IntN(40) {
				s.Frames = append(s.Frames, frame(uint64(rng.IntN(9)), fmt.Sprint("f", rng.IntN(4))))
			}
			h.All = append(h.All, s)
			m.Sites = append(m.Sites, results.HeapHeld{Site: i, Bytes: int64(rng.IntN(5000)) - 100})
		}
		root := tree(&m, h.All)
		var text bytes.Buffer
		root.write(&text, 0, root.bytes)
		lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
		if rest := checkNode(t, lines, 0); len(rest) != 0 {
			t.Fatalf("%d lines too many in\n%s", len(rest), text.String())
		}
	}
}

func checkNode(t *testing.T, lines []string, depth int) (rest []string) {
	t.Helper()
	m := nodeLine.FindStringSubmatch(lines[0])
	if m == nil || len(m[1]) != depth {
		t.Fatalf("no node at depth %d: %q", depth, lines[0])
	}
	n, _ := strconv.Atoi(m[2])
	bytes, _ := strconv.Atoi(m[3])
	rest = lines[1:]
	sum := 0
	for range n {
		child := nodeLine.FindStringSubmatch(rest[0])
		held, _ := strconv.Atoi(child[3])
		sum += held
		rest = checkNode(t, rest, depth+1)
	}
	if sum > bytes {
		t.Fatalf("%q has children of %d bytes", lines[0], sum)
	}
	return rest
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestAFullDiskIsTold(t *testing.T) {
	if err := Write(full{}, sample(), nil); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("got %v", err)
	}
}
