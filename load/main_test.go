// SPDX-License-Identifier: Apache-2.0

package load

import (
	"fmt"
	"os"
	"testing"

	"github.com/spf13/pflag"
)

// TestMain makes this binary its own load generator, as the real one is.
func TestMain(m *testing.M) {
	if os.Getenv("IPCPROBE_TEST_CHILD") == "" {
		os.Exit(m.Run())
	}
	fs := pflag.NewFlagSet("child", pflag.ContinueOnError)
	o, fd := Flags(fs), ControlFlag(fs)
	err := fs.Parse(os.Args[1:])
	if err == nil {
		err = Serve(*fd, *o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// spawnTest spawns this binary as the generator of o.
func spawnTest(t *testing.T, o Options) *Generator {
	t.Helper()
	g, err := Spawn(t.Context(), SpawnOptions{
		Executable: os.Args[0], Command: []string{}, Load: o,
		Env: append(os.Environ(), "IPCPROBE_TEST_CHILD=1"), Stderr: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.Close() })
	return g
}
