// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/ipcprobe/ipcprobe/results"
)

// Geometry of results.NewHistogram: 2048 values of full resolution, then 1024
// for each further power of two up to results.HistogramMax. A test holds that
// every value has the same index in both.
const (
	halfBits   = 10
	halfCount  = 1 << halfBits
	fineMask   = 2*halfCount - 1
	tallyLen   = 28 * halfCount
	tallyLimit = results.HistogramMax
)

// tally counts durations as results.NewHistogram does, with counts of half the
// size and no error to return: a duration above the histogram's range counts
// at its upper end, one below 0 at 0.
type tally struct {
	counts [tallyLen]uint32
}

// add counts one duration of v ns.
//
//go:nosplit
func (t *tally) add(v int64) { t.counts[tallyIndex(v)]++ }

// total is how many durations were counted.
func (t *tally) total() (n uint32) {
	for _, count := range t.counts {
		n += count
	}
	return n
}

// tallyIndex is the index of v in the counts of a histogram.
//
//go:nosplit
func tallyIndex(v int64) int {
	if uint64(v) > tallyLimit {
		v = max(0, min(v, tallyLimit))
	}
	shift := 64 - bits.LeadingZeros64(uint64(v|fineMask)) - (halfBits + 1)
	return shift<<halfBits + int(v>>uint(shift))
}

// tallyValue is the middle of the durations that count at index i.
func tallyValue(i int) int64 {
	if i <= fineMask {
		return int64(i)
	}
	shift := i>>halfBits - 1
	low := int64(i-shift<<halfBits) << shift
	return low + int64(1)<<shift/2
}

// appendTally appends t as pairs of (indices skipped, count), both varints,
// after the number of pairs as four bytes.
func appendTally(dst []byte, t *tally) []byte {
	head := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	pairs, last := uint32(0), 0
	for i, n := range t.counts {
		if n == 0 {
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(i-last))
		dst = binary.AppendUvarint(dst, uint64(n))
		last = i
		pairs++
	}
	binary.LittleEndian.PutUint32(dst[head:], pairs)
	return dst
}

// errTally is what is wrong with a tally that can't be read.
var errTally = errors.New("a histogram is damaged")

// readTally calls each for the pairs that appendTally wrote at the head of src,
// and returns what stands behind them.
func readTally(src []byte, each func(index int, count uint64)) ([]byte, error) {
	if len(src) < 4 {
		return nil, errTally
	}
	pairs := binary.LittleEndian.Uint32(src)
	src = src[4:]
	index := uint64(0)
	for range pairs {
		skip, n := binary.Uvarint(src)
		if n <= 0 || skip >= tallyLen {
			return nil, errTally
		}
		count, m := binary.Uvarint(src[n:])
		if m <= 0 || count > 1<<32-1 {
			return nil, errTally
		}
		if index += skip; index >= tallyLen {
			return nil, errTally
		}
		each(int(index), count)
		src = src[n+m:]
	}
	return src, nil
}

// readDurations reads what appendTally wrote.
func readDurations(src []byte) (d results.Durations, rest []byte, err error) {
	rest, err = readTally(src, func(i int, n uint64) { d.Append(tallyValue(i), int64(n)) })
	if err != nil {
		return results.Durations{}, nil, fmt.Errorf("read interval: %w", err)
	}
	return d, rest, nil
}
