// SPDX-License-Identifier: Apache-2.0

package results

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// QuietJSON escapes what encoding/json leaves in strings and a terminal might act
// on: DEL, the C1 controls and the marks of writing direction. U+FFFD is escaped
// too, as encoding/json does where it first puts it for a broken byte. doc is
// JSON, in which such characters stand in strings alone.
func QuietJSON(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for i := 0; i < len(doc); {
		r, size := utf8.DecodeRune(doc[i:])
		if r >= 0x7f && r <= 0x9f || r == utf8.RuneError || r > 0x9f && r < 0x10000 && unicode.Is(unicode.Cf, r) {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, doc[i:i+size]...)
		}
		i += size
	}
	return out
}
