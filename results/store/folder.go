// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Modes of what is written. Until Commit the folder is ours alone.
const (
	fileMode    = 0o640
	folderMode  = 0o750
	privateMode = 0o700
)

// DefaultParent is the folder of stored runs below the working folder. It is
// the only parent that Create makes when it is missing.
const DefaultParent = "results"

// temporary begins the name of a folder that is not whole yet.
const temporary = ".ipcprobe-"

// Options say how a run is stored.
type Options struct {
	// Force replaces a stored run that is already there, and nothing else.
	Force bool
	// UID and GID own what is written: the user who called sudo. They count
	// only where we are root, and only if they are not both 0 (then root does).
	UID, GID int
}

// Folder is a run's folder that is being written. Its methods may be called by
// several goroutines.
type Folder struct {
	path    string // as the user gave it
	name    string // its last part
	options Options

	mu         sync.Mutex
	parent     *os.Root
	temp       *os.Root
	tempName   string
	lock       *os.File // the temporary folder, locked; nil where locks are not to be had
	marked     bool     // it holds unfinished
	files      []string
	madeParent string // the parent's path, if we made it
	closed     bool
}

// Create checks the place where dir is to be and makes the temporary folder
// beside it. Everything that can be wrong with the place fails here: errors are
// *Error with reason BadName, NoParent, Link, Exists, Foreign, Forbidden.
// A parent folder that is missing is made only if it is called DefaultParent.
// The caller calls Commit or Abort.
func Create(dir string, o Options) (*Folder, error) {
	tried := "store the run in " + shown(dir)
	clean := filepath.Clean(dir)
	f := &Folder{path: clean, name: filepath.Base(clean), options: o}
	if dir == "" || strings.ContainsRune(dir, 0) || f.name == "." || f.name == ".." || f.name == string(filepath.Separator) {
		return nil, &Error{Reason: BadName, Tried: tried, Said: "this can't be the name of a new folder",
			Next: "name one with --out, as in --out results/before"}
	}
	if err := f.openParent(tried); err != nil {
		return nil, err
	}
	if err := f.checkPlace(tried); err != nil {
		return nil, errors.Join(err, f.discard())
	}
	if err := f.makeTemporary(); err != nil {
		e := failed(tried, err)
		if e.Reason == Forbidden {
			e.Said = fmt.Sprintf("the folder %s can't be written: %s", shown(filepath.Dir(clean)), e.Said)
		}
		_ = f.discard() // the first error is the one to tell
		return nil, e
	}
	if f.lock != nil {
		f.sweep()
	}
	return f, nil
}

// openParent opens the folder in which the run's folder is to be.
func (f *Folder) openParent(tried string) error {
	path := filepath.Dir(f.path)
	root, err := openTrusted(path)
	if errors.Is(err, fs.ErrNotExist) && filepath.Base(path) == DefaultParent {
		if err = makeFolder(path); err == nil {
			f.madeParent = path
			root, err = openTrusted(path)
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Reason: NoParent, Tried: tried, Err: err,
			Said: fmt.Sprintf("there is no folder %s", shown(path)), Next: "make it first: mkdir -p " + shown(path)}
	case notFolder(err):
		return &Error{Reason: NoParent, Tried: tried, Said: shown(path) + " is not a folder",
			Next: "choose another folder with --out"}
	case err != nil:
		return failed(tried, err)
	}
	f.parent = root
	if f.madeParent != "" {
		if err := f.give(root, "."); err != nil {
			return errors.Join(failed(tried, err), f.discard())
		}
	}
	return nil
}

// makeFolder makes a folder in one that is there.
func makeFolder(path string) error {
	in, err := openTrusted(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(in.Mkdir(filepath.Base(path), 0o755), in.Close())
}

// checkPlace looks at what is where the run's folder is to be.
func (f *Folder) checkPlace(tried string) error {
	info, err := f.parent.Lstat(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case tooLong(err):
		return &Error{Reason: BadName, Tried: tried, Said: "the name is too long", Err: err, Next: "give a shorter one with --out"}
	case err != nil:
		return failed(tried, err)
	case info.Mode()&fs.ModeSymlink != 0:
		return &Error{Reason: Link, Tried: tried, Said: "a symbolic link is in the way",
			Next: "remove it, or choose another folder with --out"}
	case !info.IsDir():
		return &Error{Reason: Foreign, Tried: tried, Said: "something that is not a folder is in the way",
			Next: "remove it, or choose another folder with --out"}
	}
	if _, err := listOwn(f.parent, f.name); err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return failed(tried, err)
		}
		e.Tried = tried
		return e
	}
	if !f.options.Force {
		return &Error{Reason: Exists, Tried: tried, Said: "it is there already",
			Next: "choose another folder with --out, or replace it with --force"}
	}
	return nil
}

// temporaryRandom is how many characters of its name can't be guessed.
const temporaryRandom = 16

// temporaryTries is how often a temporary folder is made anew because a sweep took
// it for one that was left behind, in the moment before it was locked.
const temporaryTries = 8

// makeTemporary makes the folder that is written to. Its name is short, so that
// the longest name of a run works, and can't be guessed.
func (f *Folder) makeTemporary() error {
	for range temporaryTries {
		made, err := f.tryTemporary()
		if made || err != nil {
			return err
		}
		f.closeTemporary()
		_ = f.parent.Remove(f.tempName) // where the sweep has not done so yet
		f.tempName = ""
	}
	return errors.New("the temporary folder was locked by others each time")
}

// tryTemporary is false when the folder was taken from us.
func (f *Folder) tryTemporary() (bool, error) {
	f.tempName = temporary + strings.ToLower(rand.Text()[:temporaryRandom])
	if err := f.parent.Mkdir(f.tempName, privateMode); err != nil {
		f.tempName = ""
		return false, err
	}
	made, err := f.parent.Lstat(f.tempName)
	if err == nil {
		f.temp, err = f.parent.OpenRoot(f.tempName + asFolder)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	opened, err := f.temp.Stat(".")
	if err == nil && !(made.IsDir() && os.SameFile(made, opened)) {
		err = errors.New("the temporary folder was replaced while it was opened")
	}
	if err != nil {
		return false, err
	}
	if locked, err := f.lockTemporary(); !locked || err != nil {
		return false, err
	}
	return true, f.mark()
}

// Write adds a file. write gets a buffered writer; its error, or the file
// system's, is returned, and then nothing of the file is left. A name is taken
// once, and is a plain name without a folder.
func (f *Folder) Write(name string, write func(io.Writer) error) (err error) {
	tried := fmt.Sprintf("write %s of the run", shown(name))
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return fmt.Errorf("%s: its folder is closed", tried)
	}
	if !validName(name) || name == Manifest || name == unfinished {
		return &Error{Reason: BadName, Tried: tried, Said: "this is no name for a file of a run"}
	}
	if err := f.write(name, write); err != nil {
		return fmt.Errorf("%s: %w", tried, err)
	}
	f.files = append(f.files, name)
	return nil
}

func (f *Folder) write(name string, write func(io.Writer) error) (err error) {
	file, err := f.temp.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	whole := false
	defer func() { // also when write panics
		if !whole {
			err = errors.Join(err, file.Close(), f.temp.Remove(name))
		}
	}()
	buffered := bufio.NewWriterSize(file, 64<<10)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := f.giveFile(file); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	whole = true
	return file.Close()
}

// owner says to whom files are given; false when they stay ours.
func (f *Folder) owner() (uid, gid int, ok bool) {
	return f.options.UID, f.options.GID, os.Geteuid() == 0 && (f.options.UID != 0 || f.options.GID != 0)
}

// give gives a folder to the owner.
func (f *Folder) give(root *os.Root, name string) error {
	if uid, gid, ok := f.owner(); ok {
		return root.Lchown(name, uid, gid)
	}
	return nil
}

// giveFile gives a file its mode, whatever the umask, and its owner.
func (f *Folder) giveFile(file *os.File) error {
	if err := file.Chmod(fileMode); err != nil {
		return err
	}
	if uid, gid, ok := f.owner(); ok {
		return file.Chown(uid, gid)
	}
	return nil
}

// validName says whether a file of a run may be called so.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 &&
		!strings.ContainsAny(name, "/\\\x00\n\r")
}
