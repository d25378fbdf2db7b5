// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// scratchPrefix begins the names of our folders for sockets and the like.
const scratchPrefix = "ipcprobe-"

// scratchStale is when an empty one belongs to nobody who still runs: each is filled
// at once.
const scratchStale = time.Minute

// newScratch makes a folder that only this user may enter. The caller removes it, and
// whoever is killed by SIGKILL can't: what such a one has left is removed here.
func newScratch(purpose string) (string, error) {
	sweepScratch(os.TempDir(), time.Now())
	return os.MkdirTemp("", scratchPrefix+purpose)
}

// sweepScratch removes this user's empty folders of ours that are old; root's may have
// been given to whoever called sudo. What holds anything stays, and so does what can't
// be removed: it is not worth a word.
func sweepScratch(folder string, now time.Time) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasPrefix(entry.Name(), scratchPrefix) {
			continue
		}
		info, err := entry.Info()
		if err != nil || now.Sub(info.ModTime()) < scratchStale {
			continue
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && (os.Geteuid() == 0 || int(stat.Uid) == os.Geteuid()) {
			_ = syscall.Rmdir(filepath.Join(folder, entry.Name()))
		}
	}
}
