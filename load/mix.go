// SPDX-License-Identifier: Apache-2.0

package load

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// MaxKinds is the number of kinds that a mix may have.
const MaxKinds = 32

// part is one kind of a mix as the user wrote it.
type part struct {
	name    string  // what stands behind the share
	share   float64 // of the requests, 1 for all
	kind    uint8   // message type
	payload string  // as --payload takes it
	ping    bool    // the protocol's own ping
}

// shareMark is where a kind begins: at the start or after a comma, with a share.
var shareMark = regexp.MustCompile(`(?:^|,)\s*([0-9]+(?:\.[0-9]+)?)\s*%`)

// parts splits what the user asked for into kinds: --mix, or --type and
// --payload as the only one.
func (o *Options) parts() ([]part, error) {
	if o.Mix == "" {
		return []part{{name: o.Payload, share: 1, kind: o.Type, payload: o.Payload}}, nil
	}
	if o.Payload != Defaults().Payload {
		return nil, errors.New("--mix and --payload exclude each other: a mix names the payload of each of its kinds")
	}
	list, err := parseMix(o.Mix, o.Type)
	if err != nil {
		return nil, fmt.Errorf("--mix: %w", err)
	}
	return list, nil
}

// parseMix reads a mix: kinds with their shares, as in
//
//	80% 0x01 256B, 15% 0x02 64B, 5% ping
//
// A kind is a message type and a payload, either of which may be left out, or
// ping. otherwise is the type of a kind that names none.
func parseMix(s string, otherwise uint8) ([]part, error) {
	const example = "say for instance 80% 0x01 256B, 15% 0x02 64B, 5% ping"
	marks := shareMark.FindAllStringSubmatchIndex(s, -1)
	if len(marks) == 0 || strings.TrimSpace(s[:marks[0][0]]) != "" {
		return nil, fmt.Errorf("%q does not begin with a share: %s", s, example)
	}
	if len(marks) > MaxKinds {
		return nil, fmt.Errorf("%d kinds are too many: at most %d", len(marks), MaxKinds)
	}
	var list []part
	sum := 0.0
	for i, m := range marks {
		end := len(s)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		share, err := strconv.ParseFloat(s[m[2]:m[3]], 64)
		if err != nil || share <= 0 {
			return nil, fmt.Errorf("a share of %s %% is none: leave the kind out", s[m[2]:m[3]])
		}
		p, err := parsePart(strings.TrimSpace(s[m[1]:end]), otherwise)
		if err != nil {
			return nil, err
		}
		p.share = share / 100
		sum += share
		list = append(list, p)
	}
	if math.Abs(sum-100) > 0.01 {
		return nil, fmt.Errorf("the shares add up to %s %%, not to 100 %%", strconv.FormatFloat(sum, 'g', 6, 64))
	}
	return list, nil
}

// parsePart reads a kind without its share.
func parsePart(s string, otherwise uint8) (part, error) {
	p := part{name: s, kind: otherwise, payload: "0"}
	if s == "" {
		return p, errors.New("a share stands alone: say which requests it is of, such as 0x01 256B or ping")
	}
	if s == "ping" {
		p.ping = true
		return p, nil
	}
	word, rest, _ := strings.Cut(s, " ")
	if !strings.HasPrefix(word, "0x") {
		p.payload = s
		return p, nil
	}
	kind, err := parseType(word)
	if err != nil {
		return p, fmt.Errorf("%q: %w", s, err)
	}
	p.kind = kind
	if rest = strings.TrimSpace(rest); rest != "" {
		p.payload = rest
	}
	return p, nil
}

// pingOf is a codec's ping.
func pingOf(codec wire.Codec) (wire.Request, error) {
	switch codec.(type) {
	case wire.IPC:
		return wire.Request{Type: wire.Ping}, nil
	case wire.RESP:
		return wire.Request{Payload: []byte("PING")}, nil
	}
	return wire.Request{}, fmt.Errorf("protocol %s has no ping: name a payload instead", codec.Name())
}
