// SPDX-License-Identifier: Apache-2.0

package gateway

import "bytes"

// fieldOf gives what stands behind "key:" at the start of a line, without
// blanks around it. It serves status, smaps_rollup, meminfo and cpuinfo. The
// first line of status holds the process's name, in which the kernel escapes
// newlines, so no name can forge a line.
func fieldOf(text []byte, key string) ([]byte, bool) {
	for len(text) > 0 {
		line := text
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = nil
		}
		if len(line) <= len(key) || string(line[:len(key)]) != key {
			continue
		}
		rest := bytes.TrimLeft(line[len(key):], " \t")
		if len(rest) > 0 && rest[0] == ':' {
			return bytes.TrimSpace(rest[1:]), true
		}
	}
	return nil, false
}

// numberOf gives the n-th number (from 0) behind "key:".
func numberOf(text []byte, key string, n int) (uint64, bool) {
	rest, found := fieldOf(text, key)
	if !found {
		return 0, false
	}
	var word []byte
	for ; n >= 0; n-- {
		word, rest = nextWord(rest)
	}
	return decimal(word)
}

// bytesOf gives the size behind "key:", which the kernel prints as "N kB", in
// bytes.
func bytesOf(text []byte, key string) (int64, bool) {
	kb, ok := numberOf(text, key, 0)
	if !ok || kb > 1<<50 {
		return 0, false
	}
	return int64(kb) * 1024, true
}

// splitCommand takes the text of /proc/PID/cmdline apart: arguments end with a
// NUL. A process that overwrites its arguments (setproctitle) gives one long one.
func splitCommand(text []byte) []string {
	text = bytes.TrimRight(text, "\x00")
	if len(text) == 0 {
		return nil
	}
	var args []string
	for _, a := range bytes.Split(text, []byte{0}) {
		args = append(args, string(a))
	}
	return args
}
