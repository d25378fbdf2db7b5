// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"math"
	"slices"

	"github.com/ipcprobe/ipcprobe/results"
)

// storeMost is how many bytes of intervals are kept of one slice, unless storeLeast
// of them have more.
const storeMost = 4 << 20

// storeLeast is how many intervals are kept in any case, for the bootstrap.
const storeLeast = 24

// sliceStore is what arrived of one slice: intervals as they came, and when there
// are too many of them for storeMost, each two neighbours as one, again and again.
// So a load of hours takes no more memory than one of a minute. Its intervals then
// last for seconds; the bootstrap takes blocks of some seconds there anyway.
type sliceStore struct {
	slice    results.Slice
	recorded bool
	parts    []storedPart
	size     int // bytes of parts
	settled  int // the same when they were last made fewer
	grain    int // intervals of 100 ms that are one; 0 is 1
}

// storedPart is an interval as appendInterval wrote it.
type storedPart struct {
	number int // of the first interval of 100 ms that it holds
	raw    []byte
}

// add keeps an interval.
func (s *sliceStore) add(body []byte) error {
	_, number, _, err := readIntervalHead(body)
	if err != nil {
		return err
	}
	s.parts = append(s.parts, storedPart{number, bytes.Clone(body)})
	s.size += len(body)
	// Seldom: it costs some ten milliseconds of a CPU that the load may want.
	if s.size <= storeMost || s.size <= s.settled+storeMost/4 {
		return nil
	}
	if err := s.coarsen(); err != nil {
		return err
	}
	for s.size > storeMost*3/4 && s.spans() >= 2*storeLeast {
		s.grain = max(2, 2*s.grain)
		if err := s.coarsen(); err != nil {
			return err
		}
	}
	s.settled = s.size
	return nil
}

// key is the number that all intervals have that are one.
func (s *sliceStore) key(number int) int { return number - number%max(1, s.grain) }

// spans is how many intervals there are.
func (s *sliceStore) spans() int {
	last := -1
	for _, p := range s.parts {
		last = max(last, p.number)
	}
	return (last + max(1, s.grain)) / max(1, s.grain)
}

// coarsen makes one of all parts with the same key.
func (s *sliceStore) coarsen() error {
	slices.SortStableFunc(s.parts, func(a, b storedPart) int { return a.number - b.number })
	var sum interval
	merged, size := s.parts[:0:0], 0
	for i := 0; i < len(s.parts); {
		key, from := s.key(s.parts[i].number), i
		for ; i < len(s.parts) && s.key(s.parts[i].number) == key; i++ {
			if err := sum.include(s.parts[i].raw, i == from); err != nil {
				return err
			}
		}
		sum.number = key
		raw := bytes.Clone(appendInterval(nil, &sum))
		sum.reset()
		merged = append(merged, storedPart{key, raw})
		size += len(raw)
	}
	s.parts, s.size = merged, size
	return nil
}

// include adds an interval that appendInterval wrote.
func (v *interval) include(raw []byte, first bool) error {
	head, _, rest, err := readIntervalHead(raw)
	if err != nil {
		return err
	}
	if first {
		v.slice, v.start, v.end = head.Slice, head.Start, head.End
	}
	v.start, v.end = min(v.start, head.Start), max(v.end, head.End)
	v.counts.Add(head.Counts)
	v.bytesOut += head.BytesOut
	v.bytesIn += head.BytesIn
	for _, t := range []*tally{&v.response, &v.trip, &v.lag, &v.alone} {
		rest, err = readTally(rest, func(i int, n uint64) {
			t.counts[i] = uint32(min(uint64(t.counts[i])+n, math.MaxUint32))
		})
		if err != nil {
			return err
		}
	}
	if len(rest) != 0 {
		return errTally
	}
	return nil
}

// decode makes a slice of what arrived of it. Intervals with the same number
// are of several threads, and are added.
func (s *sliceStore) decode() (results.Slice, error) {
	if s.grain > 1 {
		if err := s.coarsen(); err != nil { // what came since the last time
			return s.slice, err
		}
	}
	slice := s.slice
	at := map[int]int{}
	for _, p := range s.parts {
		v, _, err := readInterval(p.raw)
		if err != nil {
			return slice, err
		}
		if i, ok := at[p.number]; ok {
			slice.Intervals[i].Merge(&v)
			continue
		}
		at[p.number] = len(slice.Intervals)
		slice.Intervals = append(slice.Intervals, v)
	}
	return slice, nil
}
