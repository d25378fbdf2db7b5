// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ipcprobe/ipcprobe/gateway/peer"
	"github.com/ipcprobe/ipcprobe/results"
	"github.com/ipcprobe/ipcprobe/results/store"
)

// readResult reads the result of a stored run, and holds that its other files
// are there, and hold something where there is something to hold.
func readResult(t *testing.T, folder string) *results.Result {
	t.Helper()
	file, err := os.Open(filepath.Join(folder, "result.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := store.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.md", "latency.hlog", "latency.hgrm", "trace.json", "cpu.pb.gz", "cpu.folded"} {
		info, err := os.Stat(filepath.Join(folder, name))
		// A server that hardly works may be found at work by no sample.
		if empty := name == "cpu.folded" && r.CPU != nil && r.CPU.Samples == 0; err != nil || info.Size() == 0 && !empty {
			t.Errorf("%s: %v", name, err)
		}
	}
	return r
}

func buildPeer(t *testing.T, name string) string {
	t.Helper()
	return peer.Build(t, name)
}
