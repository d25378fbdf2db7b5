// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for name, want := range map[string]string{
		"": "ipc", "ipc": "ipc", "line": "line", "resp": "resp", "http": "http",
		"frame": "frame", "frame:": "frame", "frame:size=2": "frame:size=2",
	} {
		c, err := Parse(name)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if c.Name() != want {
			t.Errorf("%q: named %q, want %q", name, c.Name(), want)
		}
	}
	for _, bad := range []string{"ipc2", "IPC", "line:", "resp:3", ":", "ipc:", " ipc", "https"} {
		if _, err := Parse(bad); err == nil || !strings.Contains(err.Error(), "is not known") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
}

func TestSampleIsARequestOfEveryCodec(t *testing.T) {
	for _, name := range []string{"ipc", "frame", "line", "resp", "http"} {
		c, err := Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{0, 1, 2, 100, 5000} {
			if err := c.Check(Request{Type: TaskSubmit, Payload: Sample(c, TaskSubmit, size)}); err != nil {
				t.Errorf("%s, %d bytes: %v", name, size, err)
			}
		}
	}
	if got := string(Sample(RESP{}, 0, 3)); got != "SET ipcprobe:sample xxx" {
		t.Errorf("resp: %q", got)
	}
}
