// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ipcprobe/ipcprobe/gateway"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
	"github.com/ipcprobe/ipcprobe/results/profile"
	"github.com/ipcprobe/ipcprobe/results/stats"
)

// socketWord in a command stands for the path at which the build is to listen.
const socketWord = "{socket}"

// pair are the two servers of a quad, both alive.
type pair [2]*server

func (p pair) stop() error {
	var errs []error
	for _, s := range p {
		if s != nil {
			_, err := s.stop()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// start starts the two servers of a quad: A and B, or A twice.
func (d *duel) start(order string) (p pair, err error) {
	for side := range p {
		build := side
		if compare.IsNull(order) {
			build = 0
		}
		if p[side], err = d.startBuild(build); err != nil {
			return p, errors.Join(fmt.Errorf("%s: %w", sideName(build), err), p.stop())
		}
		if side == 1 && p[0].socket.Address == p[1].socket.Address {
			err = fmt.Errorf("both builds listen on %s, but have to be alive at once: put %s in the commands where the path of the socket stands",
				p[0].socket.String(), socketWord)
			return p, errors.Join(err, p.stop())
		}
	}
	return p, nil
}

// startBuild starts one build at a socket of its own.
func (d *duel) startBuild(build int) (*server, error) {
	d.starts++
	path := filepath.Join(d.folder, fmt.Sprintf("%s%d.sock", strings.ToLower(sideName(build)), d.starts))
	command, told := make([]string, len(d.o.words[build])), false
	for i, word := range d.o.words[build] {
		command[i] = strings.ReplaceAll(word, socketWord, path)
		told = told || command[i] != word
	}
	listens := d.o.sockets[build]
	if told && listens == "" {
		listens = path
	}
	output := &lastLine{}
	process, err := gateway.Start(d.ctx, gateway.StartOptions{Command: command, Socket: listens, Stdout: output})
	if err != nil {
		if !told && strings.Contains(err.Error(), "in use") {
			err = fmt.Errorf("%w; both builds have to be alive at once: put %s in the commands where the path of the socket stands", err, socketWord)
		}
		return nil, err
	}
	if told && process.Socket.Address == path {
		// Whoever may reach the folder is let in: the load generator is nobody.
		if err := os.Chmod(path, 0o666); err != nil {
			return nil, errors.Join(fmt.Errorf("open the socket of %s: %w", sideName(build), err), process.Stop(grace))
		}
	}
	t := process.Target
	d.sides[build].Name = filepath.Base(t.Executable)
	d.sides[build].Executable, d.sides[build].BuildID = t.Executable, t.BuildID
	d.sides[build].Command = d.o.words[build]
	return &server{target: t, socket: process.Socket, process: process, output: output}, nil
}

// quad takes one quad: four bare slices, and then a probed one of each build.
func (d *duel) quad(index int, order string) (err error) {
	p, err := d.start(order)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	null := compare.IsNull(order)
	var sides [2][]results.Slice
	var work [2]compare.Work
	for i, side := range compare.Sides(order) {
		// Both builds get the same arrivals, in the same order.
		seed := d.o.load.Seed + uint64(4*index)
		if i >= 2 {
			seed++
		}
		m, err := d.slice(p[side], d.o.load.Rate, seed, d.o.plan.Slice)
		if err != nil {
			build := side
			if null {
				build = 0
			}
			return fmt.Errorf("slice %d of quad %d, %s: %w", i+1, index+1, sideName(build), err)
		}
		sides[side] = append(sides[side], m.slice)
		work[side].Switches += m.work.Switches
		work[side].Faults += m.work.Faults
		if !null {
			d.totals[side].Add(m.lateness)
		}
	}
	q := compare.Quad{Null: null}
	for side, figures := range []*compare.Figures{&q.A, &q.B} {
		*figures = d.figures(sides[side], work[side])
	}
	if !null && d.mayProbe && (d.o.probed < 0 || d.probed < d.o.probed) {
		if err := d.probe(p, &q); err != nil {
			return fmt.Errorf("probe both in quad %d: %w", index+1, err)
		}
	}
	if !null {
		for side := range sides {
			for i := range sides[side] {
				sides[side][i].Coarsen()
			}
			d.slices[side] = append(d.slices[side], sides[side]...)
			counts := stats.Merge(sides[side], results.Bare).Counts
			d.sides[side].Requests += counts.OK
			if d.capacity[side] > 0 {
				d.sides[side].CapacityRPS = &d.capacity[side]
			}
		}
	}
	d.quads, d.order = append(d.quads, q), append(d.order, order)
	return nil
}

// figures are those of one side's bare slices.
func (d *duel) figures(bare []results.Slice, work compare.Work) compare.Figures {
	client := stats.Merge(bare, results.Bare)
	f := compare.Figures{}
	f.AddBare(stats.Distribution(client.ResponseTime), stats.CPU(bare, results.Bare))
	f.AddWork(work, client.Counts.OK+client.Counts.Error)
	if d.closed && client.Counts.OK > 0 {
		f[compare.Throughput] = client.RPS()
	}
	return f
}

// measured is one bare slice.
type measured struct {
	slice    results.Slice
	work     compare.Work
	lateness stats.Lateness
}

// slice loads one server, with a load generator of its own, and lets it go.
func (d *duel) slice(s *server, rate string, seed uint64, length time.Duration) (m measured, err error) {
	l := *d.o.load
	l.Rate, l.Seed = rate, seed
	watcher, err := gateway.Watch(d.ctx, s.target)
	if err != nil {
		return m, err
	}
	defer watcher.Close()
	generator, _, err := startLoad(d.ctx, &runOptions{load: &l}, s)
	if err != nil {
		return m, endedFirst(watcher, err)
	}
	defer generator.Close()
	drive := &driver{generator: generator, watcher: watcher}
	if drive.clock, err = gateway.OpenClock(s.target); err != nil {
		return m, err
	}
	defer drive.close()
	placement := gateway.StartPlacement(s.target.PID, generator.PID())
	defer placement.Close()
	vigil := gateway.StartVigil(s.target)
	defer vigil.Close()

	if _, _, err = drive.turn(results.Warmup); err == nil {
		err = drive.wait(d.ctx, d.o.plan.Warmup)
	}
	before, workErr := gateway.ReadWork(s.target)
	if err == nil {
		_, _, err = drive.turn(results.Bare)
	}
	if err == nil {
		err = drive.wait(d.ctx, length)
	}
	if err == nil {
		m.slice, _, err = drive.turn(results.Gap)
	}
	if err != nil {
		return m, endedFirst(watcher, disturbed(vigil, err))
	}
	if err := undisturbed(vigil); err != nil {
		return m, err
	}
	after, err := gateway.ReadWork(s.target)
	if err = errors.Join(workErr, err); err != nil {
		return m, err
	}
	m.work = compare.Work{Switches: max(0, after.Switches-before.Switches), Faults: max(0, after.Faults-before.Faults)}
	totals, err := generator.Stop()
	if err != nil {
		return m, err
	}
	for _, late := range generator.Late() {
		if late.Slice == m.slice.Index {
			m.slice.Intervals = append(m.slice.Intervals, late)
		}
	}
	m.lateness.Note(totals.OwnLagP99, totals.Held)
	d.seen = stats.Placed(d.seen, d.looks, placement.Seen())
	d.looks++
	return m, nil
}

// undisturbed ends a vigil; the error is what it has seen: of one slice nothing is
// quoted then, and a quad is whole or none.
func undisturbed(vigil *gateway.Vigil) error {
	vigil.Close()
	if said := vigil.Disturbances(); len(said) > 0 {
		return errors.New(strings.Join(said, "; "))
	}
	return nil
}

// probe takes a probed slice of both. It explains, and decides over counts alone, so
// the order does not matter. Where one of the two does not work out, neither counts.
func (d *duel) probe(p pair, q *compare.Quad) error {
	var seen [2]*measurement
	hz := compareHz
	if d.probed >= profiledQuads {
		hz = 0
	}
	for side := range p {
		l := *d.o.load
		l.Duration, l.Warmup = max(d.o.plan.Slice/2, minSlice), min(d.o.plan.Warmup, 100*time.Millisecond)
		o := &runOptions{load: &l, slice: l.Duration, budget: 100, hz: hz, quiet: true, brief: true, args: d.o.args}
		m := newMeasurement(o, p[side])
		watcher, err := gateway.Watch(d.ctx, p[side].target)
		if err != nil {
			return err
		}
		m.vigil = gateway.StartVigil(p[side].target)
		if err = m.load(d.ctx, watcher, io.Discard); err != nil {
			err = endedFirst(watcher, disturbed(m.vigil, err))
		} else {
			err = undisturbed(m.vigil)
		}
		watcher.Close()
		if err != nil {
			return err
		}
		if m.join.Requests() == 0 || m.loss == nil || !m.loss.Bearable() {
			return nil
		}
		seen[side] = m
	}
	for side, figures := range []compare.Figures{q.A, q.B} {
		r := assemble(seen[side])
		figures.AddProbed(r)
		d.last[side] = r
		if hz == 0 {
			continue
		}
		if side == 0 && r.Copies != nil && (d.copies == nil || r.Copies.Samples > d.copies.Samples) {
			d.copies = r.Copies
		}
		var part bytes.Buffer
		if err := profile.Write(&part, seen[side].cpuProfile()); err != nil {
			return err
		}
		d.profiles[side] = append(d.profiles[side], part.Bytes())
	}
	d.probed++
	return nil
}

const (
	// compareHz is how often a probed slice samples the CPU, a second.
	compareHz = 499
	// profiledQuads is how many quads are sampled: to name what was on the CPU takes
	// longer than a short slice.
	profiledQuads = 4
)
