// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/ipcprobe/ipcprobe/results/report"
)

// styleOf says how text is laid out for a writer: colours only at a terminal,
// and not where NO_COLOR asks for none (no-color.org).
func styleOf(w io.Writer) report.Style {
	style := report.Style{Width: 80, Unicode: unicodeLocale()}
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return style
	}
	style.Colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(file.Fd())); err == nil {
		style.Width = width
	}
	return style
}

// unicodeLocale says whether the user's locale shows more than ASCII. sudo
// often clears it; then UTF-8 is taken to be there, as it is on today's systems.
func unicodeLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			upper := strings.ToUpper(value)
			return strings.Contains(upper, "UTF-8") || strings.Contains(upper, "UTF8")
		}
	}
	return true
}

// isTerminal says whether a writer is one.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
