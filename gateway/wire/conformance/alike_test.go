// SPDX-License-Identifier: Apache-2.0

//go:build unix

package conformance

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

// Payloads on which parsers of JSON are known to differ.
var awkward = []string{
	`0`, `-0`, `-`, `01`, `1.`, `.5`, `1.5e`, `1e+`, `1e5`, `1E-5`, `+1`, `0x10`, `1 2`, `NaN`, `Infinity`,
	`9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `-9223372036854775809`,
	`1e308`, `1.7976931348623157e308`, `1.7976931348623158e308`, `1.7976931348623159e308`, `1.8e308`, `1e309`, `-1e309`,
	`1e-400`, `0e999999999999`, `0.0e999`, `1e99999999999999999999`, `1e-99999999999999999999`,
	`123456789012345678901234567890.0`, strings.Repeat("9", 400) + ".0", "0." + strings.Repeat("0", 400) + "1e700",
	strings.Repeat("1", 309) + ".5", strings.Repeat("2", 309) + ".5", "17976931348623157" + strings.Repeat("0", 292) + "e0",
	`true`, `false`, `null`, `True`, `nul`, `nulll`, `truefalse`, `true `, ` true`, "\ttrue\r\n",
	`""`, `"a`, `"\`, `"\x"`, `"\u"`, `"\u12"`, `"\u00e9"`, `"\ud800"`, `"\udc00"`, `"\ud800\udc00"`, `"\ud800x"`, `"\ud800\n"`, `"\udbff\udfff"`,
	`"\u0000"`, `{"\u0000":1}`, `{"a\u0000":1}`, "\"\x00\"", "\"\x1f\"", "\"\x7f\"", `"\/"`, `"\'"`,
	"\"\xc3\xa9\"", "\"\xc0\x80\"", "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf0\x90\x80\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xf5\x80\x80\x80\"", "\"\x80\"", "\"\xc3\"", "\xef\xbb\xbf{}",
	`{}`, `[]`, `{`, `[`, `}`, `]`, `{]`, `[}`, `[1,]`, `[,1]`, `{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1,"a":2}`, `[1 2]`, `{"a":[{"b":{}}]}`, `[[],[],{}]`,
	strings.Repeat("[", 2047) + strings.Repeat("]", 2047), strings.Repeat("[", 2048) + strings.Repeat("]", 2048), strings.Repeat("[", 2049) + strings.Repeat("]", 2049),
	strings.Repeat("[", 2047) + "1" + strings.Repeat("]", 2047), strings.Repeat("[", 2048) + "1" + strings.Repeat("]", 2048),
	strings.Repeat(`{"a":`, 2047) + "1" + strings.Repeat("}", 2047), strings.Repeat(`{"a":`, 2048) + "1" + strings.Repeat("}", 2048),
	"/* */{}", "{}x", "{}\x00", " ", "\n",
	// Of a subscription.
	`{"count":0}`, `{"count":2}`, `{"count":-1}`, `{"count":1000001}`, `{"count":1.0}`, `{"count":"2"}`, `{"count":null}`, `{"count":[2]}`,
	`{"count":2,"count":1}`, `{"count":1,"count":"x"}`, `{"c\u006funt":1}`, `{"x":{"count":2}}`, `{"counts":2,"coun":3}`, `[{"count":2}]`, `"count"`, `{"count":{"count":1}}`,
}

// TestBuildsAnswerAlike sends both builds the same bytes, among them payloads made by
// changing others at random, and holds every answer of one against the other's.
func TestBuildsAnswerAlike(t *testing.T) {
	var sockets []string
	for _, build := range []string{"v1", "v2"} {
		socket := filepath.Join(t.TempDir(), "s")
		p := peer.Start(t, "ready", peer.Sanitized(t, build), "--socket", socket, "--no-nats")
		sockets = append(sockets, socket)
		t.Cleanup(func() {
			if code := p.Stop(); code != 0 {
				t.Errorf("%s: exit code %d:\n%s", build, code, p.Output())
			}
		})
	}
	a, b := dial(t, sockets[0]), dial(t, sockets[1])
	payloads := append([]string(nil), awkward...)
	rng := rand.New(rand.NewPCG(7, 7))
	for range 4000 {
		payloads = append(payloads, changed(rng, awkward))
	}
	for i, payload := range payloads {
		for _, kind := range []byte{wire.TaskSubmit, wire.StreamSubscribe} {
			request := frame(kind, payload)
			a.send(request)
			b.send(request)
			left, err := a.next()
			if err != nil {
				t.Fatalf("v1, payload %d %.80q: %v", i, payload, err)
			}
			right, err := b.next()
			if err != nil {
				t.Fatalf("v2, payload %d %.80q: %v", i, payload, err)
			}
			if !bytes.Equal(left.bytes, right.bytes) {
				t.Errorf("type 0x%02x, payload %d %.120q:\nv1 %.120q\nv2 %.120q", kind, i, payload, left.bytes, right.bytes)
			}
		}
	}
}

// changed is one of the texts with a few bytes replaced, removed or doubled, or two of
// them put together. No zero byte is put in: jansson reads past one that follows a
// number.
func changed(rng *rand.Rand, from []string) string {
	text := []byte(from[rng.IntN(len(from))])
	if len(text) > 200 {
		text = text[:200]
	}
	const alphabet = "{}[],:\"\\0123456789.eE+-tfnu \t\x1f\x80\xc3\xa9\xed\xf0countdbr"
	for range 1 + rng.IntN(4) {
		at := 0
		if len(text) > 0 {
			at = rng.IntN(len(text))
		}
		switch rng.IntN(4) {
		case 0:
			text = append(text[:at:at], append([]byte{alphabet[rng.IntN(len(alphabet))]}, text[at:]...)...)
		case 1:
			if len(text) > 0 {
				text[at] = alphabet[rng.IntN(len(alphabet))]
			}
		case 2:
			if len(text) > 0 {
				text = append(text[:at:at], text[at+1:]...)
			}
		default:
			text = fmt.Appendf(nil, `{"a":%s,"count":%s}`, text, from[rng.IntN(40)])
		}
	}
	if len(text) > 4000 {
		text = text[:4000]
	}
	return string(text)
}
