// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report/page"
)

// Bounds of a log that ReadHLog takes: its lines, and the bytes of one.
const (
	mostLines = 200_000
	mostLine  = 1 << 20
)

var errNoLog = errors.New("it is no latency log of ipcprobe")

// ReadHLog reads the intervals of a latency.hlog that HLog wrote, by the columns
// of the HdrHistogram log format 1.3: tag, start (s since the base time), length
// (s), maximum, and the compressed histogram (ns).
func ReadHLog(r io.Reader) ([]page.Stretch, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), mostLine)
	var out []page.Stretch
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' || line[0] == '"' {
			continue
		}
		if len(out) == mostLines {
			return nil, fmt.Errorf("%w: more than %d intervals", errNoLog, mostLines)
		}
		s, err := stretchOf(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		out = append(out, s)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

func stretchOf(line string) (s page.Stretch, err error) {
	tag, rest, tagged := strings.Cut(line, ",")
	mode, named := strings.CutPrefix(tag, "Tag=")
	columns := strings.Split(rest, ",")
	if !tagged || !named || len(columns) != 4 {
		return s, errNoLog
	}
	s.Mode = mode
	var startErr, lengthErr error
	s.Start, startErr = strconv.ParseFloat(columns[0], 64)
	s.Seconds, lengthErr = strconv.ParseFloat(columns[1], 64)
	if startErr != nil || lengthErr != nil || !(s.Start >= 0) || !(s.Seconds >= 0) {
		return s, errNoLog
	}
	if _, err := base64.StdEncoding.DecodeString(columns[3]); err != nil {
		return s, errNoLog
	}
	s.Times, err = decodeTimes([]byte(columns[3]))
	return s, err
}

// decodeTimes keeps a damaged histogram from ending the program: the library's
// decoder trusts some lengths. A histogram of its own takes 230 KB, so a long log is
// kept by the buckets that hold any.
func decodeTimes(encoded []byte) (d results.Durations, err error) {
	defer func() {
		if recover() != nil {
			d, err = results.Durations{}, fmt.Errorf("%w: a damaged histogram", errNoLog)
		}
	}()
	h, err := hdrhistogram.Decode(encoded)
	if err != nil {
		return d, err
	}
	return results.DurationsOf(h), nil
}
