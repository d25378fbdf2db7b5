// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// file is one file of the guest and where it is found here.
type file struct{ guest, host string }

// contents lists what the initramfs holds: ourselves, the program, the testdata
// beside it, what else was asked for, and the libraries of all of these.
func contents(program string, extra []file) ([]file, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	files := append([]file{{"init", self}, {inGuest(program), program}}, extra...)
	libraries := make(map[string]bool)
	for _, f := range files {
		needed, err := needs(f.host)
		if err != nil {
			return nil, err
		}
		for _, library := range needed {
			libraries[library] = true
		}
	}
	for library := range libraries {
		files = append(files, file{strings.TrimPrefix(library, "/"), library})
	}
	err = filepath.WalkDir("testdata", func(path string, entry fs.DirEntry, err error) error {
		if os.IsNotExist(err) && path == "testdata" {
			return fs.SkipAll
		}
		if err == nil && entry.Type().IsRegular() {
			files = append(files, file{"work/" + path, path})
		}
		return err
	})
	return files, err
}

// needs lists the loader and the shared libraries of a dynamic program.
func needs(path string) ([]string, error) {
	program, err := elf.Open(path)
	if err != nil {
		return nil, nil // a script, or data
	}
	defer program.Close()
	if program.Section(".interp") == nil {
		return nil, nil
	}
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return nil, fmt.Errorf("list the libraries of %s: %w", path, err)
	}
	var paths []string
	for line := range bytes.Lines(out) {
		for _, word := range strings.Fields(string(line)) {
			if strings.HasPrefix(word, "/") {
				paths = append(paths, word)
				break
			}
		}
	}
	return paths, nil
}

// inGuest is where the program stands: in /bin, where it finds others beside it.
func inGuest(program string) string { return "bin/" + filepath.Base(program) }
