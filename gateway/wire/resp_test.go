// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"strings"
	"testing"
)

func TestRESPEncodesCommands(t *testing.T) {
	for _, c := range []struct{ command, want string }{
		{"PING", "*1\r\n$4\r\nPING\r\n"},
		{"  GET \t key\r\n", "*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"},
		{`SET k "a b"`, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na b\r\n"},
		{`SET k ""`, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n"},
		{`ECHO "\r\n\t\"\\\x00\xfF\q\x1"`, "*2\r\n$4\r\nECHO\r\n$10\r\n\r\n\t\"\\\x00\xffqx1\r\n"},
		{"*1\r\n$4\r\nPING\r\n", "*1\r\n$4\r\nPING\r\n"},
	} {
		r := Request{Payload: []byte(c.command)}
		if err := (RESP{}).Check(r); err != nil {
			t.Errorf("%q: %v", c.command, err)
		}
		if got := string(RESP{}.Encode(nil, r)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.command, got, c.want)
		}
	}
	for _, bad := range []string{"", "   ", `GET "x`, `GET "x\"`, "*", "*1\r\n$4\r\nPIN", "*1\r\n$1\r\nx\r\n*0\r\n"} {
		if err := (RESP{}).Check(Request{Payload: []byte(bad)}); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestRESPReplies(t *testing.T) {
	big := strings.Repeat("x", 100000)
	for _, c := range []struct {
		name string
		data string
		want []outcome
	}{
		{"simple", "+OK\r\n+PONG\r\n", []outcome{{5, true, false, '+'}, {7, true, false, '+'}}},
		{"error", "-ERR no\r\n:1\r\n", []outcome{{9, false, false, '-'}, {4, true, false, ':'}}},
		{"bulk", "$3\r\na\r\n\r\n", []outcome{{9, true, false, '$'}}},
		{"empty bulk", "$0\r\n\r\n", []outcome{{6, true, false, '$'}}},
		{"null bulk, null array", "$-1\r\n*-1\r\n", []outcome{{5, true, false, '$'}, {5, true, false, '*'}}},
		{"large bulk", "$100000\r\n" + big + "\r\n+OK\r\n", []outcome{{100011, true, false, '$'}, {5, true, false, '+'}}},
		{"array", "*3\r\n:1\r\n$1\r\nx\r\n*0\r\n+OK\r\n", []outcome{{19, true, false, '*'}, {5, true, false, '+'}}},
		{"an error inside an array", "*1\r\n-ERR\r\n", []outcome{{10, true, false, '*'}}},
		{"arrays in arrays", "*2\r\n*2\r\n*1\r\n:1\r\n:2\r\n:3\r\n", []outcome{{24, true, false, '*'}}},
		{"null, bool, double, big number", "_\r\n#t\r\n,1.5\r\n(12345678901234567890\r\n",
			[]outcome{{3, true, false, '_'}, {4, true, false, '#'}, {6, true, false, ','}, {23, true, false, '('}}},
		{"blob error, verbatim", "!5\r\nERR x\r\n=5\r\ntxt:a\r\n", []outcome{{11, false, false, '!'}, {11, true, false, '='}}},
		{"map, set", "%1\r\n+a\r\n:1\r\n~1\r\n:1\r\n", []outcome{{12, true, false, '%'}, {8, true, false, '~'}}},
		{"a push before a reply", ">2\r\n+message\r\n+x\r\n-ERR\r\n", []outcome{{24, false, false, '-'}}},
		{"an attribute before a reply", "|1\r\n+ttl\r\n:3600\r\n+OK\r\n", []outcome{{22, true, false, '+'}}},
		{"an attribute inside an array", "*2\r\n|1\r\n+a\r\n+b\r\n:1\r\n:2\r\n+OK\r\n", []outcome{{24, true, false, '*'}, {5, true, false, '+'}}},
		{"cut off", "*2\r\n:1\r\n", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sameInAnyDivision(t, RESP{}, []byte(c.data)); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestRESPBadReplies(t *testing.T) {
	for name, data := range map[string]string{
		"another protocol":      "HTTP/1.1 200 OK\r\n",
		"a bare line feed":      "+OK\n",
		"a type alone":          "+\n",
		"no number":             "$x\r\n",
		"no digits":             "$\r\n",
		"negative":              "$-2\r\n",
		"a set cannot be null":  "~-1\r\n",
		"string above 1 GiB":    "$1073741825\r\n",
		"too many replies":      "*999999999999999999\r\n",
		"too many in arrays":    strings.Repeat("*1099511627776\r\n", 2),
		"long number":           "$" + strings.Repeat("0", 40) + "1\r\n",
		"no break after string": "$1\r\nxyz",
		"half a break":          "$1\r\nx\rz",
		"endless line":          "+" + strings.Repeat("x", 20000),
		"a push in an array":    "*2\r\n>1\r\n:1\r\n",
		"a streamed string":     "$?\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := read(t, RESP{}, []byte(data), HeadMax); err == nil {
				t.Error("no error")
			}
			sameInAnyDivision(t, RESP{}, []byte(data))
		})
	}
}

func TestRESPDetail(t *testing.T) {
	for _, c := range []struct{ data, want string }{
		{"-ERR unknown command 'X'\r\n", "error: ERR unknown command 'X'"},
		{"!7\r\nERR a\x01b\r\n", "error: ERR a b"},
		{"+OK\r\n", "reply of type +"},
	} {
		if got := explain(t, RESP{}, []byte(c.data)); got != c.want {
			t.Errorf("%q: got %q, want %q", c.data, got, c.want)
		}
	}
}

func TestRESPAllocatesNothing(t *testing.T) {
	testAllocs(t, RESP{}, []byte("*2\r\n$1\r\nx\r\n:1\r\n-ERR\r\n"), Request{Payload: []byte(`SET k "a b"`)})
}

func FuzzRESP(f *testing.F) {
	f.Add([]byte("*3\r\n:1\r\n$1\r\nx\r\n*0\r\n+OK\r\n"))
	f.Add([]byte(">2\r\n+m\r\n+x\r\n|1\r\n+a\r\n+b\r\n!5\r\nERR x\r\n"))
	f.Add([]byte("%1\r\n+a\r\n~2\r\n_\r\n#t\r\n$-1\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		sameInAnyDivision(t, RESP{}, data)
		explain(t, RESP{}, data)
	})
}

// FuzzRESPCommand checks that a command becomes one whole array.
func FuzzRESPCommand(f *testing.F) {
	f.Add([]byte(`SET k "a \x41\n b" ""`))
	f.Add([]byte("*1\r\n$4\r\nPING\r\n"))
	f.Fuzz(func(t *testing.T, command []byte) {
		r := Request{Payload: command}
		if (RESP{}).Check(r) != nil {
			return
		}
		b := RESP{}.Encode(nil, r)
		got, rest, err := read(t, RESP{}, b, HeadMax)
		if err != nil || rest != 0 || len(got) != 1 {
			t.Fatalf("%q becomes %q: %+v, %d left, %v", command, b, got, rest, err)
		}
	})
}
