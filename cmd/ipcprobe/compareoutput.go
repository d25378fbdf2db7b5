// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/pprof/profile"

	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/report"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// The CPU profiles in a comparison's folder, for `go tool pprof -diff_base`.
const (
	sideA = "a.cpu.pb.gz"
	sideB = "b.cpu.pb.gz"
)

const (
	comparisonSuffix = "_comparison"
	comparisonFile   = "comparison.json"
	comparisonHead   = "# ipcprobe comparison"
)

// place is where a comparison goes: a folder, and beside it its text under the same
// name with .md.
type outlet struct {
	folder  string
	derived bool // of stored runs: one that is there may be made again
}

// placeOf is --out, or beside the run that is judged.
func placeOf(o *compareOptions, beside, name string) outlet {
	if o.out != "" {
		return outlet{folder: o.out}
	}
	return outlet{folder: filepath.Join(filepath.Dir(beside), name+comparisonSuffix)}
}

func (p outlet) text() string { return p.folder + ".md" }

// options of the store: a comparison of stored runs is replaced, a measured one only
// with --force.
func (p outlet) options(force bool) store.Options {
	uid, gid := callingUser()
	return store.Options{Force: force || p.derived && p.holdsDerived(), UID: uid, GID: gid}
}

// holdsDerived says that what is there was made of stored runs too.
func (p outlet) holdsDerived() bool {
	file, err := openRegular(filepath.Join(p.folder, comparisonFile))
	if err != nil {
		return false
	}
	defer file.Close()
	var there struct {
		Evidence string `json:"evidence"`
	}
	const most = 16 << 20 // such a file is a thousandth of it
	err = json.NewDecoder(io.LimitReader(file, most)).Decode(&there)
	return err == nil && there.Evidence == results.EvidenceRuns
}

// textOptions say how the text beside the folder is written; the error that something
// else is in its place.
func (p outlet) textOptions(force bool) (store.Options, error) {
	uid, gid := callingUser()
	o := store.Options{Force: force || p.derived && begins(p.text(), comparisonHead), UID: uid, GID: gid}
	if _, err := os.Lstat(p.text()); err == nil && !o.Force {
		return o, fmt.Errorf("write %s: it is there already; choose another --name, or replace it with --force", p.text())
	}
	return o, nil
}

// create makes the folder of a comparison; what is wrong with the place is known
// at once.
func (p outlet) create(force bool) (*store.Folder, error) {
	if _, err := p.textOptions(force); err != nil {
		return nil, err
	}
	return store.Create(p.folder, p.options(force))
}

// finish stores a comparison, shows it, and gives the exit code.
func finish(ctx context.Context, o *compareOptions, c *results.Comparison, p outlet, folder *store.Folder, profiles func(*store.Folder) error, stdout, stderr io.Writer) error {
	options, err := p.textOptions(o.force)
	if err != nil {
		return errors.Join(err, folder.Abort())
	}
	written := writeComparison(folder, c, profiles)
	if written == nil {
		written = store.WriteFile(filepath.Dir(p.text()), filepath.Base(p.text()), options, func(w io.Writer) error { return report.ComparisonMarkdown(w, c) })
	}
	if err := showComparison(stdout, stderr, o, c, p, written == nil); err != nil || written != nil {
		return errors.Join(err, written)
	}
	return compared(ctx, c)
}

// openRegular opens a file that is one; with a link or a pipe in its place nobody is
// led elsewhere, nor has to wait.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("read %s: not a regular file", path), err, file.Close())
	}
	return file, nil
}

// begins says whether a regular file begins with a text.
func begins(path, head string) bool {
	file, err := openRegular(path)
	if err != nil {
		return false
	}
	defer file.Close()
	text := make([]byte, len(head))
	_, err = io.ReadFull(file, text)
	return err == nil && string(text) == head
}

func writeComparison(folder *store.Folder, c *results.Comparison, profiles func(*store.Folder) error) error {
	err := profiles(folder)
	for _, file := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{comparisonFile, func(w io.Writer) error { return report.ComparisonJSON(w, c) }},
		{"bench.txt", func(w io.Writer) error { return report.Bench(w, c) }},
	} {
		if err == nil {
			err = folder.Write(file.name, file.write)
		}
	}
	if err == nil {
		err = writeComparisonPage(folder, c)
	}
	if err != nil {
		return errors.Join(err, folder.Abort())
	}
	return folder.Commit()
}

// writeComparisonPage stores report.html, with what changed between the profiles
// where the folder has both.
func writeComparisonPage(folder *store.Folder, c *results.Comparison) error {
	var sides [2]*profile.Profile
	for i, name := range []string{sideA, sideB} {
		file, err := folder.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		sides[i], err = profile.Parse(file)
		file.Close()
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return folder.Write("report.html", func(w io.Writer) error { return report.ComparisonHTML(w, c, sides[0], sides[1]) })
}

func showComparison(stdout, stderr io.Writer, o *compareOptions, c *results.Comparison, p outlet, stored bool) error {
	if o.format == "json" {
		return report.ComparisonJSON(stdout, c)
	}
	if err := report.ComparisonText(stdout, c, styleOf(stdout)); err != nil {
		return err
	}
	if stored && !o.quiet {
		fmt.Fprintf(stderr, "\nThe comparison is in %s and %s\n", p.text(), p.folder)
	}
	return nil
}
