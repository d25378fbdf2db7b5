// SPDX-License-Identifier: Apache-2.0

package report

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report/page"
)

// Material is what report.html draws beside what the result says. A part that
// wasn't measured is nil and not drawn.
type Material struct {
	Latency  []page.Stretch // latency.hlog
	CPU      *profile.Profile
	OffCPU   *profile.Profile
	Syscalls *profile.Profile
	Heap     *profile.Profile
	Links    []page.Link // to what is served beside the page
}

// bandLabel is the label of samples that says how slow the request was that was
// being served.
const bandLabel = "band"

// mostProfile is the largest profile that is read, in compressed bytes: 64 MiB.
const mostProfile = 64 << 20

// ReadMaterial reads the files of a run, which open opens by their names. A file
// that does not exist is a part that wasn't measured; one that can't be read or is
// damaged is an error that names it, and the rest is read all the same.
func ReadMaterial(open func(name string) (io.ReadCloser, error)) (*Material, error) {
	m := &Material{}
	var failures []error
	read := func(name string, take func(io.Reader) error) {
		file, err := open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return
		}
		if err == nil {
			err = take(file)
			file.Close()
		}
		if err != nil {
			failures = append(failures, fmt.Errorf("read %s: %w", name, err))
		}
	}
	read("latency.hlog", func(r io.Reader) (err error) {
		m.Latency, err = ReadHLog(r)
		return err
	})
	for name, to := range map[string]**profile.Profile{
		"cpu.pb.gz": &m.CPU, "offcpu.pb.gz": &m.OffCPU, "syscalls.pb.gz": &m.Syscalls, "heap.pb.gz": &m.Heap,
	} {
		read(name, func(r io.Reader) error {
			p, err := profile.Parse(io.LimitReader(r, mostProfile))
			if err == nil {
				*to = p
			}
			return err
		})
	}
	return m, errors.Join(failures...)
}

// Quoted is the histogram of the response times that are quoted, ns: those of the
// bare slices, or, where there are none, of the probed ones. Nil when there are no
// latencies.
func (m *Material) Quoted() *hdrhistogram.Histogram {
	for _, mode := range []results.Mode{results.Bare, results.Probed} {
		var sum *hdrhistogram.Histogram
		for i := range m.Latency {
			if s := &m.Latency[i]; s.Mode == mode.String() {
				if sum == nil {
					sum = results.NewHistogram()
				}
				s.Times.AddTo(sum)
			}
		}
		if sum != nil {
			return sum
		}
	}
	return nil
}
