// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Path is where the run is, or will be.
func (f *Folder) Path() string { return f.path }

// Commit gives the folder to its owner and renames it into place, so that it is
// there whole or not at all. With Force the run that was there is removed
// afterwards. If the place was taken since Create, or can't be renamed to, the
// run is kept in its temporary folder, which the error names: what was measured
// is not thrown away. Nothing but the first call has an effect.
func (f *Folder) Commit() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errors.New("store the run: its folder is closed")
	}
	f.closed = true
	defer f.close()
	tried := "store the run in " + shown(f.path)
	err := f.seal()
	if err == nil {
		err = f.place(tried)
	}
	if err == nil {
		return nil
	}
	e := *failed(tried, err)
	e.Next = "the run is kept in " + shown(filepath.Join(filepath.Dir(f.path), f.tempName))
	return &e
}

// seal completes the temporary folder.
func (f *Folder) seal() error {
	if err := f.write(Manifest, f.writeManifest); err != nil {
		return err
	}
	if err := f.unmark(); err != nil {
		return err
	}
	if err := f.temp.Chmod(".", folderMode); err != nil {
		return err
	}
	return f.give(f.temp, ".")
}

// place renames the temporary folder to its name.
func (f *Folder) place(tried string) error {
	if err := f.checkPlace(tried); err != nil {
		return err
	}
	_, err := f.parent.Lstat(f.name)
	if errors.Is(err, fs.ErrNotExist) {
		return renameNew(f.parent, f.tempName, f.name)
	}
	if err != nil {
		return err
	}
	old, err := exchange(f.parent, f.tempName, f.name)
	if err != nil {
		return err
	}
	if err := removeOwn(f.parent, old); err != nil {
		return fmt.Errorf("the new run is in place, the old one is left in %s: %w", old, err)
	}
	return nil
}

// Abort removes what was written, and the parent folder if Create made it and
// nobody else uses it. After Commit, or a second time, it does nothing: it may
// be deferred.
func (f *Folder) Abort() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	f.closed = true
	return f.discard()
}

// discard removes what we made and closes what we opened.
func (f *Folder) discard() error {
	var errs []error
	if f.temp != nil {
		for _, name := range f.files {
			errs = append(errs, f.temp.Remove(name))
		}
		errs = append(errs, f.unmark())
	}
	if f.tempName != "" {
		errs = append(errs, f.parent.Remove(f.tempName))
	}
	f.removeParent()
	f.close()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove the unfinished run %s: %w", f.tempName, err)
	}
	return nil
}

func (f *Folder) close() {
	f.closeTemporary()
	if f.parent != nil {
		_ = f.parent.Close()
	}
}

// closeTemporary closes the temporary folder, and gives up its lock. Closing a
// directory that was only read from tells nothing.
func (f *Folder) closeTemporary() {
	if f.temp != nil {
		_ = f.temp.Close()
		f.temp = nil
	}
	if f.lock != nil {
		_ = f.lock.Close()
		f.lock = nil
	}
}

// removeParent removes the parent folder if we made it and it is still that one
// and empty.
func (f *Folder) removeParent() {
	if f.madeParent == "" || f.parent == nil {
		return
	}
	ours, err := f.parent.Stat(".")
	if err != nil {
		return
	}
	there, err := os.Lstat(f.madeParent)
	if err == nil && os.SameFile(ours, there) {
		_ = os.Remove(f.madeParent) // not empty: others use it
	}
}
