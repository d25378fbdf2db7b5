// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/ulikunitz/xz/lzma"
)

const (
	// dictionaryBound is the most memory that a decompressor takes, bytes: that
	// of xz -9. The header of a stream may ask for 4 GiB.
	dictionaryBound = 64 << 20

	streamHeader = 12
	lzma2Filter  = 0x21
)

var errStream = errors.New("no xz stream as it is known here")

// unpack decompresses an xz stream to at most bound bytes. The container is read
// here, because package xz takes the memory that a header asks for, whatever
// that is; its checksums are left to the ELF parser, which believes nothing.
func unpack(stream []byte, bound int) ([]byte, error) {
	if len(stream) < streamHeader || string(stream[:6]) != "\xfd7zXZ\x00" {
		return nil, errStream
	}
	check, ok := map[byte]int{0: 0, 1: 4, 4: 8, 10: 32}[stream[7]]
	if !ok {
		return nil, errStream
	}
	var out bytes.Buffer
	for at := streamHeader; at < len(stream) && stream[at] != 0; {
		size, dictionary, err := blockHeader(stream[at:])
		if err != nil {
			return nil, err
		}
		in := bytes.NewReader(stream[at+size:])
		reader, err := lzma.Reader2Config{DictCap: dictionary}.NewReader2(in)
		if err != nil {
			return nil, fmt.Errorf("read a block: %w", err)
		}
		left := int64(bound - out.Len())
		switch n, err := io.Copy(&out, io.LimitReader(reader, left+1)); {
		case err != nil:
			return nil, fmt.Errorf("read a block: %w", err)
		case n > left:
			return nil, fmt.Errorf("more than %d bytes", bound)
		}
		length := len(stream) - at - size - in.Len()
		at += size + (length+3)/4*4 + check
	}
	return out.Bytes(), nil
}

// blockHeader reads the header of a block: how long it is, and what memory the
// block takes.
func blockHeader(block []byte) (size, dictionary int, err error) {
	size = (int(block[0]) + 1) * 4
	if len(block) < size {
		return 0, 0, errStream
	}
	flags, rest := block[1], block[2:size-4]
	if flags&0x3f != 0 { // more than one filter
		return 0, 0, errStream
	}
	for bit := byte(0x40); bit != 0; bit <<= 1 {
		if flags&bit == 0 {
			continue
		}
		_, n := binary.Uvarint(rest)
		if n <= 0 {
			return 0, 0, errStream
		}
		rest = rest[n:]
	}
	if len(rest) < 3 || rest[0] != lzma2Filter || rest[1] != 1 {
		return 0, 0, errStream
	}
	asked, err := lzma.DecodeDictCap(rest[2])
	if err != nil || asked > dictionaryBound {
		return 0, 0, fmt.Errorf("it takes %d bytes of memory to unpack", asked)
	}
	return size, max(int(asked), lzma.MinDictCap), nil
}
