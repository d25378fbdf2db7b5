// SPDX-License-Identifier: Apache-2.0

package wire

import "strings"

// bodies are the request bodies of the message types, longest first: what stands
// before the padding and after it. The fields are those that gateways look for.
var (
	submitBodies = [][2]string{
		{`{"task_id":"probe-1","id":"probe-1","type":"echo","action":"echo","payload":{"pad":"`, `"}}`},
		{`{"task_id":"probe-1","action":"echo","params":{"pad":"`, `"}}`},
		{`{"task_id":"p","action":"echo","pad":"`, `"}`},
	}
	taskBodies = [][2]string{
		{`{"task_id":"probe-1","id":"probe-1","payload":{"pad":"`, `"}}`},
		{`{"task_id":"probe-1","pad":"`, `"}`},
	}
	streamBodies = [][2]string{
		{`{"stream":"probe","task_id":"probe-1","id":"probe-1","payload":{"pad":"`, `"}}`},
		{`{"stream":"probe","pad":"`, `"}`},
	}
	anyBodies = [][2]string{
		{`{"task_id":"`, `"}`},
		{`{"id":"`, `"}`},
		{`{"":"`, `"}`},
		{`{`, `}`},
	}
)

// Payload returns the default body of a request of the given type: JSON of
// exactly size bytes, empty for 0 and a bare digit for 1. From some tens of
// bytes on it is an object with the fields that gateways of this kind look for
// (task_id, id, type, action, payload). A negative size counts as 0.
func Payload(kind byte, size int) []byte {
	switch {
	case size <= 0:
		return nil
	case size == 1:
		return []byte("1")
	}
	bodies := submitBodies
	switch kind {
	case TaskQuery, TaskCancel:
		bodies = taskBodies
	case StreamSubscribe:
		bodies = streamBodies
	}
	if b, ok := fill(bodies, size); ok {
		return b
	}
	b, _ := fill(anyBodies, size)
	return b
}

// fill pads the first of bodies that is not longer than size.
func fill(bodies [][2]string, size int) ([]byte, bool) {
	for _, b := range bodies {
		pad := size - len(b[0]) - len(b[1])
		if pad < 0 {
			continue
		}
		with := "x"
		if strings.HasSuffix(b[0], "{") { // no string open: only white space may stand here
			with = " "
		}
		return []byte(b[0] + strings.Repeat(with, pad) + b[1]), true
	}
	return nil, false
}
