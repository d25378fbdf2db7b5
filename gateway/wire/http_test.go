// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestHTTPEncodes(t *testing.T) {
	own := "PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"
	for _, c := range []struct{ name, payload, want string }{
		{"http", "", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"http", "{}", "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"},
		{"http:/a?b=c:d", "", "GET /a?b=c:d HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"http:DELETE:/a", "", "DELETE /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"},
		{"http", own, own},
	} {
		codec, err := Parse(c.name)
		if err != nil {
			t.Fatal(err)
		}
		r := Request{Payload: []byte(c.payload)}
		if err := codec.Check(r); err != nil {
			t.Errorf("%s %q: %v", c.name, c.payload, err)
		}
		if got := string(codec.Encode(nil, r)); got != c.want {
			t.Errorf("%s %q: got %q, want %q", c.name, c.payload, got, c.want)
		}
	}
	for _, bad := range []string{"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n"} {
		if (HTTP{}).Check(Request{Payload: []byte(bad)}) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestHTTPAnswers(t *testing.T) {
	big := strings.Repeat("x", 200000)
	chunks := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n1A;x=y\r\n" + strings.Repeat("z", 26) + "\r\n0\r\nA: b\r\n\r\n"
	for _, c := range []struct {
		name string
		data string
		want []outcome
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", []outcome{{40, true, false, 200}}},
		{"no reason", "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", []outcome{{34, true, false, 200}}},
		{"no body", "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n",
			[]outcome{{27, true, false, 204}, {37, true, false, 304}}},
		{"errors", "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n",
			[]outcome{{46, false, false, 404}, {37, false, false, 503}}},
		{"large", "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + big + "HTTP/1.1 204 \r\n\r\n",
			[]outcome{{200043, true, false, 200}, {17, true, false, 204}}},
		{"chunks", chunks + chunks, []outcome{{len(chunks), true, false, 200}, {len(chunks), true, false, 200}}},
		{"coded and chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n", []outcome{{58, true, false, 200}}},
		{"continue first", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", []outcome{{63, true, false, 200}}},
		{"close", "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 0\r\n\r\n", []outcome{{60, true, true, 200}}},
		{"old", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", []outcome{{38, true, true, 200}}},
		{"old, kept alive", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", []outcome{{62, true, false, 200}}},
		{"bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", []outcome{{36, true, false, 200}}},
		{"the same length twice", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", []outcome{{58, true, false, 200}}},
		{"cut off", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := sameInAnyDivision(t, HTTP{}, []byte(c.data)); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestHTTPBadAnswers(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	for name, data := range map[string]string{
		"another protocol":        "+OK\r\n",
		"version 2":               "HTTP/2 200\r\n\r\n",
		"version 1.2":             "HTTP/1.2 200 OK\r\n\r\n",
		"no status":               "HTTP/1.1 abc\r\n\r\n",
		"status 999":              "HTTP/1.1 999 x\r\n\r\n",
		"status 20":               "HTTP/1.1 20\r\n\r\n",
		"no length":               head + "\r\n",
		"a coding without chunks": head + "Transfer-Encoding: gzip\r\n\r\n",
		"length and chunks":       head + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
		"chunks in HTTP/1.0":      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":             head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"negative length":         head + "Content-Length: -1\r\n\r\n",
		"length above 1 GiB":      head + "Content-Length: 1073741825\r\n\r\n",
		"huge length":             head + "Content-Length: 99999999999999999999\r\n\r\n",
		"switching":               "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"endless headers":         head + strings.Repeat("A: b\r\n", 6000),
		"endless header":          head + strings.Repeat("a", 40000),
		"chunk without size":      head + "Transfer-Encoding: chunked\r\n\r\n\r\n",
		"chunk size no number":    head + "Transfer-Encoding: chunked\r\n\r\n1x\r\n",
		"chunk above 1 GiB":       head + "Transfer-Encoding: chunked\r\n\r\n40000001\r\n",
		"endless chunk line":      head + "Transfer-Encoding: chunked\r\n\r\n1;" + strings.Repeat("a", 2000),
		"chunk without break":     head + "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n",
		"endless trailers":        head + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 6000),
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := read(t, HTTP{}, []byte(data), HeadMax); err == nil {
				t.Error("no error")
			}
			sameInAnyDivision(t, HTTP{}, []byte(data))
		})
	}
}

func TestHTTPNames(t *testing.T) {
	for _, name := range []string{"http", "http:/a", "http:PUT:/a"} {
		c, err := Parse(name)
		if err != nil || c.Name() != name {
			t.Errorf("%s: got %v, %v", name, c, err)
		}
	}
	for _, bad := range []string{"http:a", "http:/a b", "http:get:/a", "http:HEAD:/", "http:GET:", "http:GET:a"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	if got := explain(t, HTTP{}, []byte("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")); got != "status 503 Service Unavailable" {
		t.Errorf("explained as %q", got)
	}
}

func TestHTTPAllocatesNothing(t *testing.T) {
	data := "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nhi" +
		"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
	testAllocs(t, HTTP{}, []byte(data), Request{Payload: []byte("{}")})
}

// FuzzHTTP also holds the codec against net/http: what that reads as an answer
// with a length must end at the same byte here.
func FuzzHTTP(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 x\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a\r\nWiki\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404 x\nConnection: close\nContent-Length: 0\n\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got := sameInAnyDivision(t, HTTP{}, data)
		explain(t, HTTP{}, data)
		if len(got) == 0 || bytes.Contains(data[:got[0].bytes], []byte("HTTP/1.1 1")) ||
			bytes.Contains(data[:got[0].bytes], []byte("HTTP/1.0 1")) {
			return
		}
		r := bytes.NewReader(data)
		b := bufio.NewReader(r)
		response, err := http.ReadResponse(b, nil)
		if err != nil {
			return // it is stricter about headers
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return
		}
		if end := len(data) - r.Len() - b.Buffered(); end != got[0].bytes {
			t.Fatalf("the answer ends at byte %d, for net/http at %d: %q", got[0].bytes, end, data)
		}
	})
}
