// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

const (
	// HTTPMaxBody is the length in bytes of the largest body, or chunk of one.
	HTTPMaxBody = 1 << 30

	httpHeadMax    = 32 << 10 // bytes of a status line and headers
	httpLineMax    = 1 << 10  // bytes of the line that starts a chunk
	httpTrailerMax = 32 << 10 // bytes of the headers after the last chunk
)

// HTTP is the codec of HTTP/1.1 with keep-alive. Step.Code is the status; 400 and
// above is an error. Informational answers are taken along with the final one. An
// answer without a length cannot be followed by another and is a bad frame.
//
// The payload is the body of the request. One that begins with a request line
// ("PUT /x HTTP/1.1") is sent as it is, headers and all.
type HTTP struct {
	// Method defaults to POST where there is a body and GET where there is none.
	Method string
	// Path defaults to /.
	Path string
}

// parseHTTP reads what follows "http:", a path, or a method, a colon and a path.
func parseHTTP(rest string) (Codec, error) {
	if rest == "" {
		return HTTP{}, nil
	}
	var h HTTP
	h.Path = rest
	if method, path, ok := strings.Cut(rest, ":"); ok && !strings.HasPrefix(rest, "/") {
		h.Method, h.Path = method, path
	}
	switch {
	case !strings.HasPrefix(h.Path, "/") || strings.ContainsFunc(h.Path, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return nil, fmt.Errorf("protocol http: path %q: it begins with / and has no spaces", h.Path)
	case h.Method != "" && strings.Trim(h.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "", h.Method == "HEAD", h.Method == "CONNECT":
		return nil, fmt.Errorf("protocol http: method %q: say one such as GET or POST; the answers to HEAD and CONNECT have no length", h.Method)
	}
	return h, nil
}

// Name returns the description the codec was made from.
func (h HTTP) Name() string {
	switch {
	case h.Method != "":
		return "http:" + h.Method + ":" + h.path()
	case h.Path != "":
		return "http:" + h.Path
	}
	return "http"
}

func (h HTTP) path() string {
	if h.Path == "" {
		return "/"
	}
	return h.Path
}

// method is the method for a request whose body has size bytes.
func (h HTTP) method(size int) string {
	switch {
	case h.Method != "":
		return h.Method
	case size > 0:
		return "POST"
	}
	return "GET"
}

// Check refuses a complete request of the user's own whose head is not whole, and
// one whose answer has no length.
func (h HTTP) Check(r Request) error {
	if len(r.Payload) > HTTPMaxBody {
		return fmt.Errorf("payload of %d bytes is too large: http takes at most %d", len(r.Payload), HTTPMaxBody)
	}
	if !httpOwn(r.Payload) {
		return nil
	}
	if bytes.HasPrefix(r.Payload, []byte("HEAD ")) || bytes.HasPrefix(r.Payload, []byte("CONNECT ")) {
		return errors.New("the answers to HEAD and CONNECT have no length: send another method")
	}
	if !bytes.Contains(r.Payload, []byte("\r\n\r\n")) {
		return errors.New("the payload is an HTTP request whose head does not end with an empty line (CR LF CR LF)")
	}
	return nil
}

// httpOwn says that a payload begins with a request line of its own.
func httpOwn(payload []byte) bool {
	end := bytes.IndexByte(payload[:min(len(payload), httpHeadMax)], '\n')
	return end > 0 && payload[0] >= 'A' && payload[0] <= 'Z' &&
		bytes.HasSuffix(payload[:end], []byte(" HTTP/1.1\r"))
}

// Encode appends a request line, the headers Host, Content-Type and Content-Length
// (the last two only where there is a body), and the body.
func (h HTTP) Encode(dst []byte, r Request) []byte {
	if httpOwn(r.Payload) {
		return append(dst, r.Payload...)
	}
	method := h.method(len(r.Payload))
	dst = append(dst, method...)
	dst = append(dst, ' ')
	dst = append(dst, h.path()...)
	dst = append(dst, " HTTP/1.1\r\nHost: localhost\r\n"...)
	if len(r.Payload) > 0 {
		dst = append(dst, "Content-Type: application/json\r\n"...)
	}
	if len(r.Payload) > 0 || method != "GET" {
		dst = append(dst, "Content-Length: "...)
		dst = strconv.AppendInt(dst, int64(len(r.Payload)), 10)
		dst = append(dst, "\r\n"...)
	}
	return append(append(dst, "\r\n"...), r.Payload...)
}

// stages of an http cursor
const (
	httpHead    = iota // before a status line
	httpBody           // inside a body of known length
	httpSize           // before the line that starts a chunk
	httpChunk          // inside a chunk
	httpBreak          // before the line break after a chunk
	httpTrailer        // after the last chunk
)

// Next takes all that is there of one answer.
func (HTTP) Next(buf []byte, at *Cursor) (Step, error) {
	n := 0
	for {
		took, done, err := httpNext(buf[n:], at)
		n += took
		switch {
		case err != nil:
			return Step{}, err
		case done:
			return at.end(n), nil
		case took == 0 && n == 0:
			return Step{}, nil
		case took == 0:
			return at.part(n), nil
		}
	}
}

// httpNext takes one piece of an answer. done: it was the last.
func httpNext(buf []byte, at *Cursor) (took int, done bool, err error) {
	switch at.state {
	case httpBody, httpChunk:
		took = int(min(uint64(len(buf)), at.left))
		if at.left -= uint64(took); at.left > 0 || took == 0 {
			return took, false, nil
		}
		if at.state == httpBody {
			return took, true, nil
		}
		at.state = httpBreak
		return took, false, nil
	case httpBreak:
		switch {
		case len(buf) >= 1 && buf[0] != '\r', len(buf) >= 2 && buf[1] != '\n':
			return 0, false, badFrame("no line break after a chunk")
		case len(buf) < 2:
			return 0, false, nil
		}
		at.state = httpSize
		return 2, false, nil
	case httpSize:
		return httpChunkSize(buf, at)
	case httpTrailer:
		return httpTrailers(buf, at)
	}
	return httpAnswer(buf, at)
}

// httpChunkSize takes the line that starts a chunk.
func httpChunkSize(buf []byte, at *Cursor) (took int, done bool, err error) {
	line, took, err := httpLine(buf, httpLineMax)
	if took == 0 || err != nil {
		return 0, false, err
	}
	digits := 0
	var size uint64
	for ; digits < len(line) && hexDigit(line[digits]) < 16; digits++ {
		if size = size<<4 | hexDigit(line[digits]); size > HTTPMaxBody {
			return 0, false, badFrame("chunk above %d bytes", HTTPMaxBody)
		}
	}
	if rest := bytes.TrimLeft(line[digits:], " \t"); digits == 0 || (len(rest) > 0 && rest[0] != ';') {
		return 0, false, badFrame("chunk size %q", line[:min(len(line), 40)])
	}
	at.left, at.state = size, httpChunk
	if size == 0 {
		at.state, at.items = httpTrailer, 0
	}
	return took, false, nil
}

// httpTrailers takes one header after the last chunk, or the empty line at the end.
func httpTrailers(buf []byte, at *Cursor) (took int, done bool, err error) {
	line, took, err := httpLine(buf, httpTrailerMax)
	if took == 0 || err != nil {
		return 0, false, err
	}
	if at.items += uint64(took); at.items > httpTrailerMax {
		return 0, false, badFrame("headers after the body above %d bytes", httpTrailerMax)
	}
	return took, len(line) == 0, nil
}

// httpLine returns the line at the head of buf without its line break, and the bytes
// it takes with it; 0 when its end is not there yet.
func httpLine(buf []byte, limit int) (line []byte, took int, err error) {
	end := bytes.IndexByte(buf[:min(len(buf), limit)], '\n')
	if end < 0 {
		if len(buf) >= limit {
			return nil, 0, badFrame("line above %d bytes", limit)
		}
		return nil, 0, nil
	}
	return bytes.TrimSuffix(buf[:end], []byte("\r")), end + 1, nil
}

// Detail names the status.
func (HTTP) Detail(_ []byte, s Step) string {
	text := http.StatusText(int(s.Code))
	return strings.TrimSpace(fmt.Sprintf("status %d %s", s.Code, text))
}
