// SPDX-License-Identifier: Apache-2.0

package report

import "strings"

// commandLine writes a command so that a shell takes it apart into the same words.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if word == "" || strings.ContainsFunc(word, special) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// special is what a shell may act on, or split at. Braces alone are not.
func special(r rune) bool {
	return r > 127 || !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-{}", r)
}
