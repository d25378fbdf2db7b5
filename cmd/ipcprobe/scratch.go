// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"syscall"
	"time"
)

// scratchName is that of a folder for sockets, as os.MkdirTemp makes it.
var scratchName = regexp.MustCompile(`^ipcprobe-[0-9]+$`)

// scratchStale is when an empty one belongs to nobody who still runs: a server puts
// its socket there at once.
const scratchStale = time.Minute

// newScratch makes a folder for servers' sockets that only this user may enter. The
// caller removes it, and whoever is killed by SIGKILL can't: what such a one has left
// is removed here.
func newScratch() (string, error) {
	sweepScratch(os.TempDir(), time.Now())
	return os.MkdirTemp("", "ipcprobe-")
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
		if !entry.IsDir() || !scratchName.MatchString(entry.Name()) {
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
