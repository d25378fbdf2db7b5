// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"bytes"
	"fmt"
	"io"

	"github.com/google/pprof/profile"
)

// Merge adds up profiles of one kind that Write has written, and writes the sum: of
// several starts of one program, say. Nothing is written when there are none.
func Merge(w io.Writer, parts [][]byte) error {
	if len(parts) == 0 {
		return nil
	}
	list := make([]*profile.Profile, len(parts))
	for i, part := range parts {
		p, err := profile.Parse(bytes.NewReader(part))
		if err != nil {
			return fmt.Errorf("read profile %d of %d: %w", i+1, len(parts), err)
		}
		list[i] = p
	}
	sum, err := profile.Merge(list)
	if err != nil {
		return fmt.Errorf("add up profiles: %w", err)
	}
	sum.Comments = nil // of the parts, each
	if err := sum.Write(w); err != nil {
		return fmt.Errorf("write profile: %w", err)
	}
	return nil
}
