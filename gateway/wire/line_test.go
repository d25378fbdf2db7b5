// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	if got := string(Line{}.Encode(nil, Request{Payload: []byte("{}")})); got != "{}\n" {
		t.Errorf("encodes %q", got)
	}
	if (Line{}).Check(Request{Payload: []byte("a\nb")}) == nil {
		t.Error("a line break in a request is accepted")
	}
	long := strings.Repeat("x", 100000)
	for _, c := range []struct {
		data string
		want []outcome
	}{
		{"", nil},
		{"no end", nil},
		{"\n", []outcome{{1, true, false, 0}}},
		{"a\r\nbc\n", []outcome{{3, true, false, 0}, {3, true, false, 0}}},
		{long + "\nb\n", []outcome{{100001, true, false, 0}, {2, true, false, 0}}},
		{`{"error":"` + long + "\"}\n", []outcome{{100013, false, false, 0}}},
		{`{"pad":"` + long + `","error":1}` + "\n", []outcome{{100000 + 21, true, false, 0}}}, // too late to be seen
		{strings.Repeat("y", PartMin) + "\n", []outcome{{PartMin + 1, true, false, 0}}},
	} {
		if got := sameInAnyDivision(t, Line{}, []byte(c.data)); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%.40q: got %+v, want %+v", c.data, got, c.want)
		}
	}
}

func TestLineKnowsErrors(t *testing.T) {
	for line, bad := range map[string]bool{
		`{"ok":false}`:                             true,
		` { "id" : 1 , "ok" : false , "x":2 }`:     true,
		`{"success":false}`:                        true,
		`{"error":{"code":1}}`:                     true,
		`{"error":"x"}`:                            true,
		`{"result":{"a":[1,{"b":"}"}]},"error":1}`: true,
		`{"jsonrpc":"2.0","error":{"code":-32600`:  true,
		`{"error":null,"ok":true}`:                 false,
		`{"error":false}`:                          false,
		`{"error":""}`:                             false,
		`{"ok":true,"result":{"error":"inner"}}`:   false,
		`{"msg":"\"error\":1"}`:                    false,
		`{"msg":"ok\":false"}`:                     false,
		`["error"]`:                                false,
		`error`:                                    false,
		`{`:                                        false,
		`{"error"`:                                 false,
		`{"error":`:                                false,
		`{"a":}`:                                   false,
		`{"a" 1,"error":1}`:                        false,
		``:                                         false,
	} {
		got := sameInAnyDivision(t, Line{}, []byte(line+"\n"))
		if len(got) != 1 || got[0].ok == bad {
			t.Errorf("%s: got %+v, want error %v", line, got, bad)
		}
	}
	if got := explain(t, Line{}, []byte("{\"error\":\"\x01no\"}\r\n")); got != `error: {"error":" no"}` {
		t.Errorf("explained as %q", got)
	}
}

func TestLineIsBounded(t *testing.T) {
	var at Cursor
	part := []byte(strings.Repeat("x", HeadMax))
	for taken := 0; taken <= LineMax+HeadMax; taken += HeadMax {
		if _, err := (Line{}).Next(part, &at); err != nil {
			if taken < LineMax-HeadMax {
				t.Errorf("refused after %d bytes", taken)
			}
			return
		}
	}
	t.Error("a line without end is read for ever")
}

func TestLineAllocatesNothing(t *testing.T) {
	testAllocs(t, Line{}, []byte("{\"a\":[1,2],\"error\":null}\n{\"ok\":false}\n"), Request{Payload: []byte("{}")})
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("{\"ok\":false}\n{\"error\":{\"a\":[\"}\"]}}\nplain\n"))
	f.Add([]byte("{\"a\":\"\\\"\",\"error\":\"" + strings.Repeat("x", 5000) + "\"}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sameInAnyDivision(t, Line{}, data)
		explain(t, Line{}, data)
	})
}
