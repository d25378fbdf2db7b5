// SPDX-License-Identifier: Apache-2.0

package load

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/ipcprobe/ipcprobe/gateway/wire"
	"golang.org/x/sys/unix"
)

func processMonotonic(t *testing.T) int64 {
	t.Helper()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	return ts.Nano()
}

func TestDefaultsAreGood(t *testing.T) {
	o := Defaults()
	if err := o.Check(); err != nil {
		t.Error(err)
	}
}

func TestNonsenseIsRefusedInOneClearMessage(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*Options)
		says  string
	}{
		{"long path", func(o *Options) { o.Socket = "/" + strings.Repeat("x", 107) }, "108 bytes"},
		{"zero byte in the path", func(o *Options) { o.Socket = "a\x00b" }, "zero byte"},
		{"zero connections", func(o *Options) { o.Connections = 0 }, "--connections is 0"},
		{"too many connections", func(o *Options) { o.Connections = 1 << 20 }, "--connections"},
		{"negative pipeline", func(o *Options) { o.Pipeline = -1 }, "--pipeline is -1"},
		{"endless pipeline", func(o *Options) { o.Pipeline = 1025 }, "--pipeline is 1025"},
		{"rate 0", func(o *Options) { o.Rate = "0" }, "--rate"},
		{"rate in words", func(o *Options) { o.Rate = "fast" }, `"fast" is not a rate`},
		{"unknown arrivals", func(o *Options) { o.Arrivals = "regular" }, "--arrivals"},
		{"negative think time", func(o *Options) { o.Think = -1 }, "--think"},
		{"think time in an open loop", func(o *Options) { o.Think, o.Rate = 1, "10" }, "--think"},
		{"batches of nothing", func(o *Options) { o.Batch = true }, "--pipeline"},
		{"batches of one", func(o *Options) { o.Batch, o.Pipeline = true, 1 }, "--pipeline"},
		{"batches in an open loop", func(o *Options) { o.Batch, o.Pipeline, o.Rate = true, 2, "10" }, "--batch"},
		{"batches with think time", func(o *Options) { o.Batch, o.Pipeline, o.Think = true, 2, 1 }, "--think"},
		{"negative duration", func(o *Options) { o.Duration = -time.Second }, "--duration is -1s"},
		{"zero duration", func(o *Options) { o.Duration = 0 }, "--duration"},
		{"negative requests", func(o *Options) { o.Requests = -5 }, "--requests"},
		{"negative warm-up", func(o *Options) { o.Warmup = -1 }, "--warmup"},
		{"payload above 4 MiB", func(o *Options) { o.Payload = "5MiB" }, "4 MiB"},
		{"payload whose frame is above 4 MiB", func(o *Options) { o.Payload = "4MiB" }, "--payload"},
		{"payload that is nothing", func(o *Options) { o.Payload = "big" }, `"big" is not a size`},
		{"payload that is half JSON", func(o *Options) { o.Payload = `{"a":` }, "JSON"},
		{"payload file without a name", func(o *Options) { o.Payload = "@" }, "file"},
		{"template file without a name", func(o *Options) { o.Payload = "template:@" }, "file"},
		{"template with an unknown field", func(o *Options) { o.Payload = `{"a":{{sequence}}}` }, "{{sequence}}"},
		{"template that is half JSON", func(o *Options) { o.Payload = `{"a":{{seq}}` }, "JSON"},
		{"mix beside a payload", func(o *Options) { o.Mix, o.Payload = "100% ping", "1KiB" }, "exclude each other"},
		{"mix whose shares are 90", func(o *Options) { o.Mix = "80% 0x01 64, 10% ping" }, "add up to 90"},
		{"mix with a bad payload", func(o *Options) { o.Mix = "80% 0x01 64X, 20% ping" }, "0x01 64X"},
		{"mix with a ping that there is not", func(o *Options) { o.Mix, o.Protocol = "50% 64, 50% ping", "line" }, "no ping"},
		{"unknown protocol", func(o *Options) { o.Protocol = "smtp" }, "--protocol"},
		{"no timeout", func(o *Options) { o.Timeout = 0 }, "--timeout"},
		{"no threads", func(o *Options) { o.Threads = 0 }, "--threads"},
		{"more threads than connections", func(o *Options) { o.Threads = 5 }, "--threads"},
		{"negative spin", func(o *Options) { o.Spin = -1 }, "--spin"},
		{"errors above 100 %", func(o *Options) { o.MaxErrors = 101 }, "--max-errors"},
		{"errors that are no number", func(o *Options) { o.MaxErrors = math.NaN() }, "--max-errors"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := Defaults()
			tt.spoil(&o)
			err := o.Check()
			if err == nil {
				t.Fatal("no error")
			}
			if text := err.Error(); !strings.Contains(text, tt.says) || strings.Contains(text, "\n") {
				t.Errorf("the message is %q, want one line with %q", text, tt.says)
			}
		})
	}
}

func TestFlagsWordTheirOwnErrors(t *testing.T) {
	for _, arg := range []string{"--connections=many", "--duration=10", "--type=0x100", "--seed=-1", "--pipeline=0", "--max-errors=few"} {
		fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
		Flags(fs)
		err := fs.Parse([]string{arg})
		if err == nil || strings.Contains(err.Error(), "strconv") {
			t.Errorf("%s: the error is %v", arg, err)
		}
	}
}

// TestChildGetsTheSameOptions: what a parent passes on is what the child reads.
func TestChildGetsTheSameOptions(t *testing.T) {
	o := Options{
		Socket: "/tmp/with space", Connections: 7, Pipeline: 3, Batch: true, Rate: "1..20/60s", Arrivals: ArrivalsConstant,
		Think: time.Millisecond, Duration: 3 * time.Second, Requests: 1 << 40, Warmup: 7 * time.Millisecond,
		Payload: `{"a":"--b"}`, Mix: "50% ping, 50% @x/", Type: 0xf0, Protocol: "ipc", Timeout: time.Minute, Seed: math.MaxUint64,
		Threads: 2, Spin: 9 * time.Microsecond, NoReconnect: true, MaxErrors: 0.25,
	}
	for _, want := range []Options{o, Defaults()} {
		fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
		got := Flags(fs)
		if err := fs.Parse(want.args()); err != nil {
			t.Fatal(err)
		}
		if *got != want {
			t.Errorf("got  %+v\nwant %+v", *got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int{"0": 0, "64": 64, "64B": 64, "1KiB": 1024, "2 MiB": 2 << 20, "3kB": 3000, "1k": 1024} {
		if got, err := ParseSize(s); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "-1", "1.5k", "64X", "KiB", "99999999999", "1KKiB"} {
		if got, err := ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", s, got)
		}
	}
}

func TestPayloadFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(path, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	bodies := func(spec string) ([][]byte, error) { return (&part{payload: spec}).bodies(wire.IPC{}) }
	if b, err := bodies("@" + path); err != nil || len(b) != 1 || string(b[0]) != "hello" {
		t.Errorf("bodies are %q, %v", b, err)
	}
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, ".hidden"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 5<<20); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, path + "-missing", filepath.Dir(path), empty} {
		if _, err := bodies("@" + p); err == nil {
			t.Errorf("payload @%s: no error", p)
		}
	}
}
