// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"testing"
)

func TestPayloadHasExactlyTheSizeAndIsJSON(t *testing.T) {
	for _, kind := range []byte{TaskSubmit, TaskQuery, TaskCancel, StreamSubscribe, Ping, Capabilities, 0x42} {
		sizes := []int{1000, 4096, 65536, IPCMaxPayload}
		for n := range 300 {
			sizes = append(sizes, n)
		}
		for _, n := range sizes {
			got := Payload(kind, n)
			if len(got) != n {
				t.Fatalf("type 0x%02x: %d bytes, want %d", kind, len(got), n)
			}
			if n > 0 && !json.Valid(got) {
				t.Fatalf("type 0x%02x: %d bytes are no JSON: %s", kind, n, got)
			}
		}
	}
	if got := Payload(TaskSubmit, -1); len(got) != 0 {
		t.Errorf("a negative size gives %q", got)
	}
}

func TestPayloadHasTheFieldsGatewaysLookFor(t *testing.T) {
	for kind, fields := range map[byte][]string{
		TaskSubmit:      {"task_id", "id", "type", "action", "payload"},
		TaskQuery:       {"task_id", "id"},
		TaskCancel:      {"task_id", "id"},
		StreamSubscribe: {"stream", "task_id", "id"},
	} {
		var body map[string]any
		if err := json.Unmarshal(Payload(kind, 256), &body); err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			if _, ok := body[f]; !ok {
				t.Errorf("type 0x%02x: no field %q in %v", kind, f, body)
			}
		}
	}
}
