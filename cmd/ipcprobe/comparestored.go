// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/compare"
	"github.com/ipcprobe/ipcprobe/results/limit"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// compareStored compares two runs that were measured before.
func compareStored(ctx context.Context, o *compareOptions, pathA, pathB string, stdout, stderr io.Writer) error {
	a, err := store.Open(pathA)
	if err != nil {
		return err
	}
	b, err := store.Open(pathB)
	if err != nil {
		return err
	}
	differences := compare.Differ(a, b)
	if len(differences) > 0 && !o.force {
		return refusal(pathA, pathB, differences)
	}
	c := comparisonOf(o, a, b, pathA, pathB)
	c.Differences = differences
	place := placeOf(o, folderOf(pathB), c.Name)
	place.derived = true
	folder, err := place.create(o.force)
	if err != nil {
		return err
	}
	return finish(ctx, o, c, place, folder, func(folder *store.Folder) error {
		for _, side := range []struct{ to, from string }{{sideA, pathA}, {sideB, pathB}} {
			if err := copyProfile(folder, side.to, side.from); err != nil {
				return err
			}
		}
		return nil
	}, stdout, stderr)
}

// refusal lists what differs.
func refusal(a, b string, differences []results.RunDifference) error {
	lines := []string{fmt.Sprintf("%s and %s are different measurements, their figures tell nothing of the builds:", a, b)}
	for _, d := range differences {
		lines = append(lines, fmt.Sprintf("  %s: %s, and %s", d.What, d.A, d.B))
	}
	lines = append(lines, "measure both alike, or compare them all the same with --force")
	return errors.New(strings.Join(lines, "\n"))
}

// comparisonOf judges two stored runs.
func comparisonOf(o *compareOptions, a, b *results.Result, pathA, pathB string) *results.Comparison {
	c := &results.Comparison{
		SchemaVersion: results.ComparisonVersion, Valid: true, Evidence: results.EvidenceRuns,
		Name: o.name, Tool: results.Tool{Version: version, Commit: commit}, Command: o.args,
		Environment: b.Environment, Load: b.Load,
		A: sideOf(a, pathA), B: sideOf(b, pathB),
	}
	if c.Name == "" {
		c.Name = c.B.Name
	}
	for i, r := range []*results.Result{a, b} {
		side := []string{"A", "B"}[i]
		if !r.Valid {
			c.Invalidate(fmt.Sprintf("run %s (%s) is itself invalid: %s", side, r.Run.Name, strings.Join(r.InvalidReasons, "; ")))
		}
		if r.Run.Partial {
			c.Warn(fmt.Sprintf("run %s broke off: %s", side, r.Run.EndedBy))
		}
	}
	if a.Tool.Version != b.Tool.Version {
		c.Warn(fmt.Sprintf("the runs were measured by different versions of ipcprobe: %s and %s", a.Tool.Version, b.Tool.Version))
	}
	c.Warn("each build was run once: what differs from one start of a program to the next is in no interval here, and can look like a change. Quads see it: ipcprobe compare --a COMMAND --b COMMAND")
	c.Metrics = compare.Runs(a, b)
	gates, _ := o.gateList(compare.RunMargin) // checked with the flags
	missing := compare.JudgeRuns(c.Metrics, gates)
	sumUp(c, o, missing)
	c.Prediction = compare.Predict(a.Copies, c.Metrics)
	c.Limits = limit.Judge(o.limits.Rules, b)
	c.Withhold()
	return c
}

// sumUp explains, gives the one verdict and says what was not judged.
func sumUp(c *results.Comparison, o *compareOptions, missing []string) {
	compare.Explain(c.Metrics)
	c.Verdict, c.Reason = compare.Sum(c.Metrics)
	if c.Evidence == results.EvidenceRuns && c.Verdict == results.Inconclusive {
		c.Reason += "; quads of both would tell (--a, --b)"
	}
	closed := c.Load != nil && c.Load.OfferedRPS == nil
	var names []string
	for _, name := range missing {
		// An open loop decides the throughput itself; it is no loss.
		if name == compare.Throughput && !closed && len(o.gates) == 0 {
			continue
		}
		names = append(names, compare.Title(name))
	}
	if len(names) > 0 {
		c.Warn("not judged, because too few figures of both builds have them: " + strings.Join(names, ", "))
	}
}

func sideOf(r *results.Result, path string) results.ComparisonSide {
	s := results.ComparisonSide{
		Name: r.Run.Name, Run: path, Executable: r.Target.Executable, BuildID: r.Target.BuildID,
		Command: r.Target.Command,
	}
	if folder := folderOf(path); s.Name == "" {
		s.Name = filepath.Base(folder)
	}
	if r.Load != nil {
		s.Requests = r.Load.Requests.OK
	}
	return s
}

// folderOf is the folder of a run that was given as it or as its result.json.
func folderOf(path string) string {
	if filepath.Base(path) == store.ResultFile {
		return filepath.Dir(path)
	}
	return filepath.Clean(path)
}

// copyProfile keeps the CPU profile of a stored run, if it has one.
func copyProfile(folder *store.Folder, to, from string) error {
	files, err := store.OpenFiles(from)
	if err != nil {
		return err
	}
	defer files.Close()
	profile, err := files.Open("cpu.pb.gz")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the CPU profile of %s: %w", from, err)
	}
	defer profile.Close()
	return folder.Write(to, func(w io.Writer) error {
		_, err := io.Copy(w, io.LimitReader(profile, maxProfile))
		return err
	})
}

// maxProfile bounds what is copied of a profile, bytes.
const maxProfile = 256 << 20
