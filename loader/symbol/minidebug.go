// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"fmt"
)

const (
	packedBound   = 16 << 20 // .gnu_debugdata
	unpackedBound = 128 << 20
)

// miniDebug unpacks .gnu_debugdata: an ELF object with the symbols that strip
// took away, which Fedora and its kin leave in production binaries. Nil when
// there is none.
func (o *object) miniDebug() (mini *object, err error) {
	defer guard(&err, o.path)
	packed := o.section(".gnu_debugdata", packedBound)
	if packed == nil {
		return nil, nil
	}
	unpacked, err := unpack(packed, unpackedBound)
	if err != nil {
		return nil, fmt.Errorf("unpack the symbols in %s: %w", o.path, err)
	}
	return newObject(o.path+" (.gnu_debugdata)", bytes.NewReader(unpacked), int64(len(unpacked)))
}
