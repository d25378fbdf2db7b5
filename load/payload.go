// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// ParseSize reads a size: a whole number of bytes, with B, KiB, MiB, or their
// decimal kin kB and MB, as unit.
func ParseSize(s string) (int, error) {
	digits := strings.TrimRight(s, "BbKkMmIi ")
	unit := strings.ToLower(strings.TrimSpace(s[len(digits):]))
	scale, ok := map[string]int64{
		"": 1, "b": 1,
		"k": 1 << 10, "kib": 1 << 10, "kb": 1000,
		"m": 1 << 20, "mib": 1 << 20, "mb": 1_000_000,
	}[unit]
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || !ok || n < 0 || n > math.MaxInt32/scale {
		return 0, fmt.Errorf("%q is not a size: say 64, 1KiB or 2MiB", s)
	}
	return int(n * scale), nil
}

// looksJSON: s can be nothing but JSON.
func looksJSON(s string) bool {
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") || strings.HasPrefix(s, `"`)
}

// readsFile: what p sends stands in a file or a folder.
func (p *part) readsFile() bool {
	return strings.HasPrefix(strings.TrimPrefix(p.payload, "template:"), "@")
}

// check checks what can be checked of p without reading a file.
func (p *part) check(codec wire.Codec) error {
	if !p.readsFile() || p.ping {
		_, err := p.compile(codec)
		return err
	}
	if strings.HasSuffix(p.payload, "@") {
		return errors.New("@ must be followed by the name of a file or folder")
	}
	return nil
}

// compile makes the requests of p, reading files where it names some.
func (p *part) compile(codec wire.Codec) (kind, error) {
	k := kind{name: p.name, share: p.share, request: p.kind}
	switch {
	case p.ping:
		r, err := pingOf(codec)
		if err != nil {
			return k, err
		}
		k.bytes = len(r.Payload)
		k.frames = [][]byte{codec.Encode(nil, r)}
		return k, nil
	case isTemplate(p.payload):
		return k, p.compileTemplate(&k, codec)
	}
	bodies, err := p.bodies(codec)
	if err != nil {
		return k, err
	}
	for _, body := range bodies {
		r := wire.Request{Type: p.kind, Payload: body}
		if err := codec.Check(r); err != nil {
			return k, err
		}
		k.bytes += len(body)
		k.frames = append(k.frames, codec.Encode(nil, r))
	}
	k.bytes /= len(bodies)
	return k, nil
}

// compileTemplate makes a template of p; one without a field is one frame.
func (p *part) compileTemplate(k *kind, codec wire.Codec) error {
	text, said := strings.CutPrefix(p.payload, "template:")
	if said && strings.HasPrefix(text, "@") {
		body, err := readPayload(text[1:])
		if err != nil {
			return err
		}
		text = string(body)
	}
	t, err := parseTemplate(text)
	if err == nil {
		err = t.check(p.kind, codec, said)
	}
	if err != nil {
		return err
	}
	k.bytes = len(t.sample("1", true))
	if len(t.fields) == 0 {
		k.frames = [][]byte{codec.Encode(nil, wire.Request{Type: p.kind, Payload: []byte(text)})}
		return nil
	}
	k.template = t
	return nil
}

// bodies makes the bodies that are sent in turn: one, but for a folder.
func (p *part) bodies(codec wire.Codec) ([][]byte, error) {
	if path, ok := strings.CutPrefix(p.payload, "@"); ok {
		if st, err := os.Stat(path); err == nil && st.IsDir() {
			return readFolder(path)
		}
		body, err := readPayload(path)
		return [][]byte{body}, err
	}
	if looksJSON(p.payload) {
		if !json.Valid([]byte(p.payload)) {
			return nil, errors.New("it looks like JSON, but isn't valid JSON")
		}
		return [][]byte{[]byte(p.payload)}, nil
	}
	size, err := ParseSize(p.payload)
	if _, command := codec.(wire.RESP); err != nil && command {
		return [][]byte{[]byte(p.payload)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w, @FILE, @FOLDER/, JSON, or template:TEXT", err)
	}
	if size > wire.IPCMaxFrame {
		return nil, fmt.Errorf("%d bytes are more than the 4 MiB that a request may have", size)
	}
	return [][]byte{wire.Sample(codec, p.kind, size)}, nil
}

// readPayload reads a payload's file, and no more of it than a request may have.
func readPayload(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, wire.IPCMaxFrame+1))
	if err != nil {
		return nil, err
	}
	if len(body) > wire.IPCMaxFrame {
		return nil, fmt.Errorf("%s has more than the 4 MiB that a request may have", path)
	}
	return body, nil
}

// Limits of a folder of payloads.
const (
	maxFiles       = 10_000
	maxFolderBytes = 64 << 20
)

// readFolder reads the files of a folder in the order of their names. Hidden
// files, folders and what else is no file are passed over.
func readFolder(path string) ([][]byte, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var bodies [][]byte
	sum := 0
	for _, e := range entries {
		name := filepath.Join(path, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if st, err := os.Stat(name); err != nil || !st.Mode().IsRegular() {
			continue
		}
		body, err := readPayload(name)
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, body)
		if sum += len(body); sum > maxFolderBytes || len(bodies) > maxFiles {
			return nil, fmt.Errorf("%s has more than %d files or %d MiB; take a part of it", path, maxFiles, maxFolderBytes>>20)
		}
	}
	if len(bodies) == 0 {
		return nil, fmt.Errorf("%s has no files to send", path)
	}
	return bodies, nil
}
