// SPDX-License-Identifier: Apache-2.0

package load

import (
	"bytes"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
)

func TestTemplateFields(t *testing.T) {
	o := Defaults()
	const stamp = 1_234
	for _, tt := range []struct{ name, template, want string }{
		{"sequence", `{"n":{{seq}}}`, `^\{"n":[1-9][0-9]*\}$`},
		{"time", `"{{time}}"`, `^"1700000000000001234"$`},
		{"time in ms", `"{{ time ms }}"`, `^"1700000000000"$`},
		{"time in s and us", `[{{time s}},{{time us}}]`, `^\[1700000000,1700000000000001\]$`},
		{"integer", `[{{int 1 3}}]`, `^\[[123]\]$`},
		{"integer below 0", `[{{int -12 -9}}]`, `^\[-(9|10|11|12)\]$`},
		{"integer of both signs", `[{{int -1 10}}]`, `^\[(-1|[0-9]|10)\]$`},
		{"any integer", `[{{int -9223372036854775808 9223372036854775807}}]`, `^\[-?[0-9]{1,19}\]$`},
		{"string", `"{{string 7}}"`, `^"[A-Za-z0-9_-]{7}"$`},
		{"uuid", `"{{uuid}}"`, `^"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$`},
		{"one after the other", `"{{seq}}{{int 5 5}}{{string 2}}"`, `^"[0-9]+5[A-Za-z0-9_-]{2}"$`},
		{"all", `{"a":{{seq}},"b":[{{int 0 10}},{{int 0 1000}}],"c":"{{string 30}}{{uuid}}","d":{{time}}}`, `^\{.*\}$`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o.Payload = tt.template
			m := makerOf(t, wire.IPC{}, 1, o)
			m.wall = 1_700_000_000_000_000_000
			want := regexp.MustCompile(tt.want)
			for range 200 {
				frame := m.put(nil, &m.kinds[0], stamp)
				body := frame[wire.IPCHeader:]
				if !want.Match(body) || !json.Valid(body) {
					t.Fatalf("payload %s, want %s", body, tt.want)
				}
				if again := (wire.IPC{}).Encode(nil, wire.Request{Type: o.Type, Payload: body}); !bytes.Equal(frame, again) {
					t.Fatalf("frame %q, want %q", frame, again)
				}
			}
		})
	}
}

func TestTemplatesOfEveryProtocol(t *testing.T) {
	for protocol, payload := range map[string]string{
		"ipc": `{"n":{{seq}}}`, "line": `{"n":{{seq}}}`, "http": `{"n":{{seq}},"i":{{int 1 20000}}}`,
		"resp":                      `SET key:{{int 1 100000}} "a b {{seq}}"`,
		"frame:size=2,order=little": `template:{{seq}} {{int 1 100}}`,
	} {
		codec, err := wire.Parse(protocol)
		if err != nil {
			t.Fatal(err)
		}
		o := Defaults()
		o.Payload, o.Protocol = payload, protocol
		m := makerOf(t, codec, 1, o)
		k := &m.kinds[0]
		for range 1200 {
			seq := k.seq
			frame := m.put(nil, k, 1)
			// The same request as the codec makes it of the payload with these values.
			body := filled(k.template, m.values[:])
			again := codec.Encode(nil, wire.Request{Type: o.Type, Payload: []byte(body)})
			if !bytes.Equal(frame, again) || !strings.Contains(body, strconv.FormatUint(seq, 10)) {
				t.Fatalf("%s: frame %q, want %q", protocol, frame, again)
			}
		}
	}
}

// filled is the payload of a template with these numbers.
func filled(t *template, values []uint64) string {
	body := ""
	for i := range t.fields {
		body += t.texts[i] + strconv.FormatInt(int64(values[i]), 10)
	}
	return body + t.texts[len(t.fields)]
}

func TestTemplatesThatAreNone(t *testing.T) {
	for name, s := range map[string]string{
		"not closed": `{"a":{{seq}`, "unknown": "{{number}}", "nothing": "{{}}", "seq with a word": "{{seq 1}}",
		"int with one bound": "{{int 1}}", "int backwards": "{{int 5 1}}", "int of words": "{{int a b}}",
		"int beyond 64 bits": "{{int 0 9223372036854775808}}", "string without a length": "{{string}}",
		"string of no length": "{{string 0}}", "string of 5 MiB": "{{string 5242880}}", "time in hours": "{{time h}}",
		"too many lengths": strings.Repeat("{{int 1 1000000000}}", 6), "too many fields": strings.Repeat("{{seq}}", maxFields+1),
		"more than 4 MiB": "{{string 4000000}}{{string 4000000}}",
	} {
		p := part{payload: "template:" + s}
		if err := p.check(wire.IPC{}); err == nil {
			t.Errorf("%s: %s is taken", name, s)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add(`{"n":{{seq}},"i":{{int -5 100}},"s":"{{string 16}}","u":"{{uuid}}","t":{{time}}}`)
	f.Add(`SET {{string 3}} "{{seq}}"`)
	f.Add("{{")
	f.Fuzz(func(t *testing.T, s string) {
		for _, codec := range []wire.Codec{wire.IPC{}, wire.RESP{}, wire.HTTP{}, wire.Line{}} {
			p := part{payload: "template:" + s, share: 1}
			if strings.HasPrefix(s, "@") || len(s) > 2000 || p.check(codec) != nil {
				continue
			}
			k, err := p.compile(codec)
			if err != nil {
				t.Fatalf("checked, then %v", err)
			}
			m := newMaker(&settings{codec: codec, mix: []kind{k}, options: Options{Threads: 1}}, 0)
			for range 20 {
				if len(m.put(nil, &m.kinds[0], 1)) == 0 && len(s) > 0 {
					t.Fatalf("%q makes an empty request", s)
				}
			}
		}
	})
}

func TestDigits(t *testing.T) {
	for _, v := range []uint64{0, 1, 8, 9, 10, 11, 99, 100, 101, 999, 1000, 1 << 32, 9_999_999_999, 10_000_000_000, math.MaxInt64, 1e19, math.MaxUint64} {
		if got, want := digits(v), len(strconv.FormatUint(v, 10)); got != want {
			t.Errorf("digits(%d) = %d, want %d", v, got, want)
		}
	}
	for p := uint64(1); p < 1e19; p *= 10 {
		for _, v := range []uint64{p - 1, p, p + 1} {
			if got, want := digits(v), len(strconv.FormatUint(v, 10)); got != want {
				t.Errorf("digits(%d) = %d, want %d", v, got, want)
			}
		}
	}
}
