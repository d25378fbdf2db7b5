// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/stats"
	"github.com/ipcprobe/ipcprobe/results/store"
	"github.com/ipcprobe/ipcprobe/results/trace"
)

// createFolder makes the run's folder, before anything is measured: what is
// wrong with the place is known at once.
func createFolder(o *runOptions) (*store.Folder, error) {
	uid, gid := callingUser()
	return store.Create(o.out, store.Options{Force: o.force, UID: uid, GID: gid})
}

// callingUser is who called sudo; else who we are.
func callingUser() (uid, gid int) {
	uid, uidErr := strconv.Atoi(os.Getenv("SUDO_UID"))
	gid, gidErr := strconv.Atoi(os.Getenv("SUDO_GID"))
	if uidErr != nil || gidErr != nil || os.Geteuid() != 0 {
		return os.Geteuid(), os.Getegid()
	}
	return uid, gid
}

// write stores the run, whole or not at all.
func write(folder *store.Folder, result *results.Result, m *measurement) error {
	type file struct {
		name  string
		write func(io.Writer) error
	}
	files := []file{
		{"result.json", func(w io.Writer) error { return report.JSON(w, result) }},
		{"report.md", func(w io.Writer) error { return report.Markdown(w, result) }},
	}
	if !m.options.noLoad {
		files = append(files,
			file{"latency.hlog", func(w io.Writer) error { return report.HLog(w, m.slices, m.origin, m.began) }},
			file{"latency.hgrm", func(w io.Writer) error {
				return report.HGrm(w, stats.Merge(m.slices, m.quotedMode()).ResponseTime)
			}})
	}
	if slowest := m.slowest.Requests(); len(slowest) > 0 {
		files = append(files, file{"trace.json", func(w io.Writer) error { return trace.Write(w, slowest, m.traceOptions()) }})
	}
	for _, file := range files {
		if err := folder.Write(file.name, file.write); err != nil {
			return err
		}
	}
	if err := writeProfiles(folder, m); err != nil {
		return err
	}
	if err := writePage(folder, result); err != nil {
		return err
	}
	return folder.Commit()
}

// writePage stores report.html, made of the files that the run has so far.
func writePage(folder *store.Folder, result *results.Result) error {
	material, err := report.ReadMaterial(folder.Open)
	if err != nil {
		return err
	}
	return folder.Write("report.html", func(w io.Writer) error { return report.HTML(w, result, material) })
}

// traceOptions say what the picture of the slowest requests is of.
func (m *measurement) traceOptions() trace.Options {
	return trace.Options{
		Origin: m.slices[0].Start, Title: m.options.name,
		Stack: func(s *results.Sample) (functions []string) {
			if int(s.Stack) >= len(m.stacks) || s.Stack < 0 {
				return nil
			}
			for _, frame := range m.stacks[s.Stack].Frames {
				functions = append(functions, frame.Function)
			}
			return functions
		},
	}
}

// show prints the result: the report, or the JSON and nothing else.
func show(stdout, stderr io.Writer, o *runOptions, result *results.Result, stored bool) error {
	if o.format == "json" {
		return report.JSON(stdout, result)
	}
	if err := report.Text(stdout, result, styleOf(stdout)); err != nil {
		return err
	}
	if stored && !o.quiet {
		fmt.Fprintf(stderr, "\nThe run is in %s\n", o.out)
	}
	return nil
}
