// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Manifest is the file that makes a folder one of ours. Its first line is
// manifestHead, each other one the name of a file that the run wrote.
const Manifest = ".ipcprobe-run"

const manifestHead = "ipcprobe run 1"

// maxManifest bounds a manifest in bytes.
const maxManifest = 64 << 10

func (f *Folder) writeManifest(w io.Writer) error {
	_, err := fmt.Fprintln(w, strings.Join(append([]string{manifestHead}, f.files...), "\n"))
	return err
}

// parseManifest reads a manifest: the files of the run.
func parseManifest(r io.Reader) ([]string, error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxManifest+1))
	if !lines.Scan() || lines.Text() != manifestHead {
		return nil, errors.New("parse the list of a run's files: not one of ipcprobe")
	}
	size := len(manifestHead)
	var files []string
	for lines.Scan() {
		name := lines.Text()
		if size += len(name) + 1; size > maxManifest {
			return nil, errors.New("parse the list of a run's files: longer than 64 KiB")
		}
		if !validName(name) || name == Manifest {
			return nil, fmt.Errorf("parse the list of a run's files: %q is no name of one", name)
		}
		files = append(files, name)
	}
	return files, lines.Err()
}

// listOwn lists the files of a folder of ours, the manifest last. A folder that
// holds anything else, or no manifest, gives an *Error with reason Foreign; an
// empty one has no files and may be replaced.
func listOwn(parent *os.Root, name string) ([]string, error) {
	entries, err := readFolder(parent, name)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		return nil, nil
	}
	foreign := func(said string, err error) *Error {
		return &Error{Reason: Foreign, Said: said, Err: err, Next: "choose another folder with --out"}
	}
	file, err := openRegular(parent, name+"/"+Manifest)
	if err != nil {
		return nil, foreign("a folder that is not a stored run is in the way", err)
	}
	files, err := parseManifest(file)
	_ = file.Close()
	if err != nil {
		return nil, foreign("a folder that is not a stored run is in the way", err)
	}
	files = append(files, Manifest)
	for _, e := range entries {
		if !e.Type().IsRegular() || !slices.Contains(files, e.Name()) {
			return nil, foreign(fmt.Sprintf("the folder holds %s, which no run wrote", shown(e.Name())), nil)
		}
	}
	return files, nil
}

// removeOwn removes a folder of ours, file by file as its manifest lists them.
func removeOwn(parent *os.Root, name string) error {
	files, err := listOwn(parent, name)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := parent.Remove(name + "/" + file); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return parent.Remove(name)
}

// asFolder behind a path has the system open it as a folder or not at all: package
// os would open a pipe that somebody has put in its place, and wait for its other
// end.
const asFolder = "/."

// readFolder lists a folder that has to be one, and no link.
func readFolder(parent *os.Root, name string) ([]fs.DirEntry, error) {
	info, err := parent.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, &Error{Reason: Foreign, Said: "something that is not a folder is in the way",
			Next: "choose another folder with --out"}
	}
	folder, err := parent.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return folder.ReadDir(-1)
}

// openRegular opens a file for reading that has to be a regular one: a pipe in
// its place must not make us wait.
func openRegular(root *os.Root, name string) (*os.File, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	file, err := root.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, err
	}
	if opened, err := file.Stat(); err != nil || !opened.Mode().IsRegular() {
		return nil, errors.Join(&fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}, err, file.Close())
	}
	return file, nil
}
