// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"io/fs"
	"os"
	"strings"
)

// unfinished is the file that makes a temporary folder one of ours. It is the first
// one in it and goes as the run is sealed.
const unfinished = ".ipcprobe-unfinished"

// unfinishedText is all that it holds.
const unfinishedText = "ipcprobe was writing a run here; a later one removes what is left of it\n"

// A run that is killed can't remove its temporary folder. The next one that is
// stored beside it does, if all of this holds: the folder is called like one of
// ours, belongs to us and to nobody else (mode 0700), holds the file that we begin
// with, or nothing, and no list of a whole run; and no process has it locked, which
// each does as long as it writes. Whoever else can write to the parent folder can't
// bring such a folder about: what is inside, only we can have put there.

// lockTemporary takes the lock of the new temporary folder. It is false when a
// sweep has been faster: then the folder is gone, or about to go.
func (f *Folder) lockTemporary() (bool, error) {
	file, err := f.temp.Open(".")
	if err != nil {
		return false, err
	}
	locked, err := tryLock(file)
	if err != nil { // no locks here: nobody sweeps either
		return true, file.Close()
	}
	f.lock = file
	if !locked {
		return false, nil
	}
	there, err := f.parent.Lstat(f.tempName)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	ours, err := file.Stat()
	return err == nil && os.SameFile(there, ours), err
}

// mark writes the file that makes the temporary folder one of ours.
func (f *Folder) mark() (err error) {
	file, err := f.temp.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	f.marked = true
	_, err = file.WriteString(unfinishedText)
	return errors.Join(err, file.Close())
}

// unmark takes that file away again.
func (f *Folder) unmark() error {
	if !f.marked {
		return nil
	}
	f.marked = false
	return f.temp.Remove(unfinished)
}

// sweep removes what killed runs have left in the parent folder. What does not work
// is left for the next one.
func (f *Folder) sweep() {
	folder, err := f.parent.Open(".")
	if err != nil {
		return
	}
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() && len(e.Name()) == len(temporary)+temporaryRandom && strings.HasPrefix(e.Name(), temporary) {
			sweepOne(f.parent, e.Name())
		}
	}
}

// sweepOne removes a temporary folder, if it is one that nobody writes to.
func sweepOne(parent *os.Root, name string) {
	info, err := parent.Lstat(name)
	if err != nil || !info.IsDir() || info.Mode().Perm() != privateMode || !ownedByUs(info) {
		return
	}
	root, err := parent.OpenRoot(name + asFolder)
	if err != nil {
		return
	}
	defer root.Close()
	folder, err := root.Open(".")
	if err != nil {
		return
	}
	defer folder.Close() // and with it the lock
	if opened, err := folder.Stat(); err != nil || !os.SameFile(info, opened) {
		return
	}
	if free, _ := tryLock(folder); !free {
		return
	}
	entries, err := folder.ReadDir(-1)
	if err != nil || !leftovers(root, entries) {
		return
	}
	for _, e := range entries { // the mark last: what fails half-way is still ours
		if e.Name() != unfinished {
			if root.Remove(e.Name()) != nil {
				return
			}
		}
	}
	if len(entries) > 0 && root.Remove(unfinished) != nil {
		return
	}
	_ = parent.Remove(name) // a folder that is no longer empty stays
}

// leftovers says that a folder holds what a killed run leaves: nothing, or regular
// files with our mark among them and no list of a whole run.
func leftovers(root *os.Root, entries []fs.DirEntry) bool {
	ours := len(entries) == 0
	for _, e := range entries {
		if !e.Type().IsRegular() || e.Name() == Manifest {
			return false
		}
		if e.Name() == unfinished {
			text, err := root.ReadFile(unfinished)
			ours = err == nil && strings.HasPrefix(unfinishedText, string(text)) // cut short where the disk was full
		}
	}
	return ours
}
