// SPDX-License-Identifier: Apache-2.0

package wire

import "bytes"

// httpFields is what the headers of an answer say about its body.
type httpFields struct {
	length    uint64
	hasLength bool
	chunked   bool // the last transfer coding is chunked
	coded     bool // there is a transfer coding
	keepAlive bool
	closes    bool
}

// httpAnswer takes the status line and headers of an answer, once all are there.
func httpAnswer(buf []byte, at *Cursor) (took int, done bool, err error) {
	const start = "HTTP/1."
	if n := min(len(buf), len(start)); string(buf[:n]) != start[:n] {
		return 0, false, badFrame("%q starts no HTTP/1 answer", buf[:n])
	}
	size := httpHeadSize(buf[:min(len(buf), httpHeadMax)])
	if size == 0 {
		if len(buf) >= httpHeadMax {
			return 0, false, badFrame("headers above %d bytes", httpHeadMax)
		}
		return 0, false, nil
	}
	line, rest, _ := bytes.Cut(buf[:size], []byte("\n"))
	status, old, ok := httpStatus(bytes.TrimSuffix(line, []byte("\r")))
	if !ok {
		return 0, false, badFrame("status line %q", line[:min(len(line), 40)])
	}
	if status >= 100 && status < 200 {
		if status == 101 {
			return 0, false, badFrame("the server switches to another protocol")
		}
		return size, false, nil
	}
	f, err := httpHeaders(rest)
	if err != nil {
		return 0, false, err
	}
	at.code, at.failed = status, status >= 400
	at.closes = f.closes || (old && !f.keepAlive)
	switch {
	case status == 204 || status == 304:
		return size, true, nil
	case f.coded && f.hasLength:
		return 0, false, badFrame("Content-Length and Transfer-Encoding in one answer")
	case f.coded && old: // RFC 9112, 6.1: to be taken as faulty
		return 0, false, badFrame("Transfer-Encoding in an answer of HTTP/1.0")
	case f.chunked:
		at.state = httpSize
	case f.coded || !f.hasLength:
		return 0, false, badFrame("the answer has no length: only the end of the connection would end it")
	case f.length == 0:
		return size, true, nil
	default:
		at.left, at.state = f.length, httpBody
	}
	return size, false, nil
}

// httpHeadSize is the number of bytes up to and with the first empty line; 0 when
// there is none.
func httpHeadSize(buf []byte) int {
	for at := 0; ; {
		end := bytes.IndexByte(buf[at:], '\n')
		if end < 0 {
			return 0
		}
		if at > 0 && (end == 0 || (end == 1 && buf[at] == '\r')) {
			return at + end + 1
		}
		at += end + 1
	}
}

// httpStatus reads a status line; old: it is of HTTP/1.0.
func httpStatus(line []byte) (status uint16, old, ok bool) {
	const digits = len("HTTP/1.1 ")
	if len(line) < digits+3 || line[digits-1] != ' ' || (len(line) > digits+3 && line[digits+3] != ' ') {
		return 0, false, false
	}
	minor := line[digits-2]
	for _, c := range line[digits : digits+3] {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		status = status*10 + uint16(c-'0')
	}
	return status, minor == '0', (minor == '0' || minor == '1') && status >= 100 && status <= 599
}

// httpHeaders reads the header lines.
func httpHeaders(head []byte) (httpFields, error) {
	var f httpFields
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\n"))
		name, value, found := bytes.Cut(bytes.TrimSuffix(line, []byte("\r")), []byte(":"))
		if !found {
			continue // the empty line, or the continuation of another header
		}
		value = bytes.Trim(value, " \t")
		switch {
		case httpIs(name, "content-length"):
			n, ok := decimal(value)
			if !ok || n > HTTPMaxBody || (f.hasLength && n != f.length) {
				return f, badFrame("Content-Length %q", value[:min(len(value), 40)])
			}
			f.length, f.hasLength = n, true
		case httpIs(name, "transfer-encoding"):
			f.coded, f.chunked = true, httpLast(value, "chunked")
		case httpIs(name, "connection"):
			f.closes = f.closes || httpHas(value, "close")
			f.keepAlive = f.keepAlive || httpHas(value, "keep-alive")
		}
	}
	return f, nil
}

// httpIs compares with a name in lower case.
func httpIs(name []byte, lower string) bool {
	if len(name) != len(lower) {
		return false
	}
	for i, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// httpHas says whether a comma-separated list has a word.
func httpHas(list []byte, word string) bool {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, []byte(","))
		if httpIs(bytes.Trim(item, " \t"), word) {
			return true
		}
	}
	return false
}

// httpLast says whether the last item of a comma-separated list is a word.
func httpLast(list []byte, word string) bool {
	last := list[bytes.LastIndexByte(list, ',')+1:]
	return httpIs(bytes.Trim(last, " \t"), word)
}
