// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/ipcprobe/ipcprobe/results/report"
)

const (
	// The terminal's other screen, without a cursor; and back.
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	// keyLook is how often the keyboard's reader looks whether it should end, ms.
	keyLook = 100
)

// screen is a terminal that is drawn on. Where standard input is the terminal too,
// keys are read from it without echo; it is as it was after close.
type screen struct {
	out  *os.File
	keys bool // q quits

	before *unix.Termios // of the keyboard; nil: it was left alone
	quit   context.CancelFunc
	stop   chan struct{}
	over   sync.WaitGroup
	once   sync.Once
}

// openScreen takes the terminal over. The context that comes back ends when the
// user presses q; signals end the one it came from.
func openScreen(ctx context.Context, stdout io.Writer) (*screen, context.Context, error) {
	s := &screen{out: stdout.(*os.File), stop: make(chan struct{})}
	ctx, s.quit = context.WithCancel(ctx)
	keyboard := int(os.Stdin.Fd())
	if term.IsTerminal(keyboard) && s.takeKeyboard(keyboard) {
		s.keys = true
		s.over.Add(1)
		go s.readKeys(keyboard)
	}
	if _, err := io.WriteString(s.out, enterScreen); err != nil {
		_ = s.close() // the first error is the one to tell
		return nil, ctx, fmt.Errorf("draw on the terminal: %w", err)
	}
	return s, ctx, nil
}

// takeKeyboard has keys come at once and unseen. Ctrl-C stays a signal; Ctrl-Z,
// which would leave the other screen behind, is none.
func (s *screen) takeKeyboard(keyboard int) bool {
	before, err := unix.IoctlGetTermios(keyboard, unix.TCGETS)
	if err != nil {
		return false
	}
	now := *before
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	now.Cc[unix.VSUSP] = 0
	if err := unix.IoctlSetTermios(keyboard, unix.TCSETS, &now); err != nil {
		return false // in the background: the keyboard is somebody else's
	}
	s.before = before
	return true
}

// readKeys waits for q, or the end of the keyboard.
func (s *screen) readKeys(keyboard int) {
	defer s.over.Done()
	var keys [64]byte
	for {
		select {
		case <-s.stop:
			return
		default:
		}
		ready := []unix.PollFd{{Fd: int32(keyboard), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, keyLook); n == 0 || err == unix.EINTR {
			continue
		}
		n, err := unix.Read(keyboard, keys[:])
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil || n <= 0 || strings.ContainsAny(string(keys[:n]), "qQ\x04") {
			s.quit()
			return
		}
	}
}

// draw replaces the picture. lines makes it for so many rows.
func (s *screen) draw(lines func(rows int, style report.Style) []string) error {
	_, rows, err := term.GetSize(int(s.out.Fd()))
	if err != nil || rows <= 0 {
		rows = 24
	}
	var out strings.Builder
	out.WriteString("\x1b[H")
	for i, line := range lines(rows, styleOf(s.out)) {
		if i > 0 {
			out.WriteString("\r\n")
		}
		out.WriteString(line + "\x1b[K")
	}
	out.WriteString("\x1b[J")
	_, err = io.WriteString(s.out, out.String())
	return err
}

// close gives the terminal back as it was; it is idempotent.
func (s *screen) close() (err error) {
	s.once.Do(func() {
		close(s.stop)
		s.quit()
		s.over.Wait()
		_, err = io.WriteString(s.out, leaveScreen)
		if s.before != nil {
			if restoreErr := unix.IoctlSetTermios(int(os.Stdin.Fd()), unix.TCSETS, s.before); err == nil {
				err = restoreErr
			}
		}
	})
	if err != nil {
		return fmt.Errorf("give the terminal back: %w", err)
	}
	return nil
}
