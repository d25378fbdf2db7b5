// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"io"
	"strings"
	"sync"
)

// Of what a target writes we keep this much for a message.
const (
	tailBytes = 4096
	tailLines = 5
)

// tail passes on what a target writes and keeps the end of it.
type tail struct {
	out  io.Writer // may be nil
	mu   sync.Mutex
	kept []byte
}

// Write never fails: a target must not stall because nobody reads it.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	t.kept = append(t.kept, b...)
	if excess := len(t.kept) - tailBytes; excess > 0 {
		t.kept = append(t.kept[:0], t.kept[excess:]...)
	}
	t.mu.Unlock()
	if t.out != nil {
		if _, err := t.out.Write(b); err != nil {
			t.out = nil // only the draining goroutine writes
		}
	}
	return len(b), nil
}

// lines gives the last lines, fit for a terminal.
func (t *tail) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.TrimSpace(string(t.kept))
	if text == "" {
		return nil
	}
	all := strings.Split(text, "\n")
	if len(all) > tailLines {
		all = all[len(all)-tailLines:]
	}
	for i, line := range all {
		all[i] = plain(line)
	}
	return all
}

// plain replaces what a terminal would act on.
func plain(line string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(line, "?"))
}
