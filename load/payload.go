// SPDX-License-Identifier: Apache-2.0

package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
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

// checkPayload checks what can be checked of a payload without reading a file.
func checkPayload(spec string, kind uint8, codec wire.Codec) error {
	if strings.HasPrefix(spec, "@") {
		if spec == "@" {
			return errors.New("--payload: @ must be followed by a file's name")
		}
		return nil
	}
	body, err := payloadBody(spec, kind)
	if err != nil {
		return err
	}
	if err := codec.Check(wire.Request{Type: kind, Payload: body}); err != nil {
		return fmt.Errorf("--payload: %w", err)
	}
	return nil
}

// payloadBody makes the body that spec asks for: a size, @FILE, or JSON.
func payloadBody(spec string, kind uint8) ([]byte, error) {
	switch {
	case strings.HasPrefix(spec, "@"):
		return readPayload(spec[1:])
	case strings.HasPrefix(spec, "{") || strings.HasPrefix(spec, "[") || strings.HasPrefix(spec, `"`):
		if !json.Valid([]byte(spec)) {
			return nil, errors.New("--payload looks like JSON, but isn't valid JSON")
		}
		return []byte(spec), nil
	}
	size, err := ParseSize(spec)
	if err != nil {
		return nil, fmt.Errorf("--payload: %w, @FILE, or JSON", err)
	}
	if size > wire.IPCMaxFrame {
		return nil, fmt.Errorf("--payload: %d bytes are more than the 4 MiB that a request may have", size)
	}
	return wire.Payload(kind, size), nil
}

// readPayload reads a payload's file, and no more of it than a request may have.
func readPayload(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--payload: %w", err)
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, wire.IPCMaxFrame+1))
	if err != nil {
		return nil, fmt.Errorf("--payload: %w", err)
	}
	if len(body) > wire.IPCMaxFrame {
		return nil, fmt.Errorf("--payload: %s has more than the 4 MiB that a request may have", path)
	}
	return body, nil
}

// PayloadSize is the size (bytes) of a request's body, framing not counted.
func (o *Options) PayloadSize() (int, error) {
	body, err := payloadBody(o.Payload, o.Type)
	return len(body), err
}
