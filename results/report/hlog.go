// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
)

// HLog writes latency.hlog: the response times of every interval of the bare
// and the probed slices in the HdrHistogram log format 1.3, tagged with the
// slice's mode. Values are ns, the column of interval maxima is ms, as tools of
// that format expect. began is the wall clock when the load generator's clock
// stood at origin; the stamps in the log are seconds since then. Intervals of
// warm-up and gaps, and those without an answer, have no line. It fails where a
// histogram can't be encoded and with the writer's errors.
func HLog(w io.Writer, slices []results.Slice, origin int64, began time.Time) error {
	out := bufio.NewWriter(w)
	base := float64(began.UnixMilli()) / 1000
	fmt.Fprintf(out, "#[ipcprobe: response times in ns, by interval; Tag is the mode of the slice]\n")
	fmt.Fprintf(out, "#[Histogram log format version %s]\n", hdrhistogram.HISTOGRAM_LOG_FORMAT_VERSION)
	fmt.Fprintf(out, "#[StartTime: %.3f (seconds since epoch), %s]\n", base, began.UTC().Format(time.RFC3339))
	fmt.Fprintf(out, "#[BaseTime: %.3f (seconds since epoch)]\n", base)
	fmt.Fprintln(out, `"StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"`)
	for i := range slices {
		if m := slices[i].Mode; m != results.Bare && m != results.Probed {
			continue
		}
		for j := range slices[i].Intervals {
			if err := hlogLine(out, slices[i].Mode, &slices[i].Intervals[j], origin); err != nil {
				return fmt.Errorf("write latency log: slice %d: %w", slices[i].Index, err)
			}
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write latency log: %w", err)
	}
	return nil
}

func hlogLine(w io.Writer, mode results.Mode, interval *results.Interval, origin int64) error {
	h := interval.ResponseTime.Histogram()
	if h.TotalCount() == 0 {
		return nil
	}
	payload, err := h.EncodeV2()
	if err != nil {
		return fmt.Errorf("encode histogram: %w", err)
	}
	_, err = fmt.Fprintf(w, "Tag=%s,%.3f,%.3f,%.3f,%s\n", mode,
		math.Max(0, float64(interval.Start-origin)/1e9), float64(interval.End-interval.Start)/1e9,
		float64(h.Max())/hdrhistogram.MsToNsRatio, payload)
	return err
}

// hgrmTicks is the number of lines for each halving of the distance to 100 %.
const hgrmTicks = 5

// HGrm writes latency.hgrm: the percentiles of a histogram of ns in the text
// format of HdrHistogram, values in µs. An empty histogram gives the head and
// the foot alone. The error is the writer's.
func HGrm(w io.Writer, h *hdrhistogram.Histogram) error {
	const scale = 1000
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%12s %14s %10s %14s\n\n", "Value", "Percentile", "TotalCount", "1/(1-Percentile)")
	if h.TotalCount() > 0 {
		for _, b := range h.CumulativeDistributionWithTicks(hgrmTicks) {
			value, quantile := float64(b.ValueAt)/scale, b.Quantile/100
			if b.Count >= h.TotalCount() && quantile >= 1 {
				fmt.Fprintf(out, "%12.3f %2.12f %10d\n", value, 1.0, b.Count)
				continue
			}
			fmt.Fprintf(out, "%12.3f %2.12f %10d %14.2f\n", value, quantile, b.Count, 1/(1-quantile))
		}
	}
	buckets, subBuckets := geometry(h)
	fmt.Fprintf(out, "#[Mean    = %12.3f, StdDeviation   = %12.3f]\n", h.Mean()/scale, h.StdDev()/scale)
	fmt.Fprintf(out, "#[Max     = %12.3f, Total count    = %12d]\n", float64(h.Max())/scale, h.TotalCount())
	fmt.Fprintf(out, "#[Buckets = %12d, SubBuckets     = %12d]\n", buckets, subBuckets)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write percentiles: %w", err)
	}
	return nil
}

// geometry derives the histogram's number of buckets and of steps in each, by
// the definition of HDR histograms: steps fine enough for the digits, and as
// many doublings as it takes to reach the largest value.
func geometry(h *hdrhistogram.Histogram) (buckets, subBuckets int64) {
	finest := 2 * math.Pow10(int(h.SignificantFigures()))
	subBuckets = int64(1) << uint(math.Ceil(math.Log2(finest)))
	shift := max(0, bits.Len64(uint64(max(1, h.LowestTrackableValue())))-1)
	reach := uint64(subBuckets) << uint(shift)
	buckets = 1
	for reach <= uint64(h.HighestTrackableValue()) && reach < 1<<62 {
		reach <<= 1
		buckets++
	}
	return buckets, subBuckets
}
