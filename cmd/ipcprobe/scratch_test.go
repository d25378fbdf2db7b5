// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestOnlyOldEmptyFoldersOfOursAreSwept(t *testing.T) {
	folder := t.TempDir()
	now := time.Now()
	old := now.Add(-2 * scratchStale)
	place := func(name string, when time.Time) {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
	}
	place("ipcprobe-1", old)
	place("ipcprobe-2", now)
	place("ipcprobe-out", old)
	place("ipcprobe-massif-3", old)
	place("ipcprobes", old)
	place("ipcprobe-4", old)
	if err := os.WriteFile(filepath.Join(folder, "ipcprobe-4", "socket"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(folder, "ipcprobe-4"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "ipcprobe-5"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	place("elsewhere", old)
	if err := os.Symlink(filepath.Join(folder, "elsewhere"), filepath.Join(folder, "ipcprobe-6")); err != nil {
		t.Fatal(err)
	}
	sweepScratch(folder, now)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, entry := range entries {
		left = append(left, entry.Name())
	}
	want := []string{"elsewhere", "ipcprobe-2", "ipcprobe-4", "ipcprobe-5", "ipcprobe-6", "ipcprobe-massif-3", "ipcprobe-out", "ipcprobes"}
	if !slices.Equal(left, want) {
		t.Errorf("left: %q, want %q", left, want)
	}
	sweepScratch(filepath.Join(folder, "none"), now) // says nothing
}
