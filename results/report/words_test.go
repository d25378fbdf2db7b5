// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestWhatAServerCopiesItselfIsCalledAnEstimate(t *testing.T) {
	for name, c := range map[string]struct {
		copies results.Copies
		want   string
	}{
		"not known": {results.Copies{UserCopyPct: 3}, "is not known: nothing counts them"},
		"a bound":   {results.Copies{UserCopyPct: 3, UserBytesInterval: &[2]float64{0, 57_800}}, "at most 56.4 KiB"},
		"none seen": {results.Copies{UserBytesInterval: &[2]float64{0, 1024}}, "no copy was seen, which leaves room for 1.00 KiB"},
		"an estimate": {results.Copies{UserCopyPct: 30, UserBytesPerRequest: ptr(3_145_728.0), UserBytesInterval: &[2]float64{2_097_152, 10_485_760}},
			"about 3.00 MiB, an estimate from its time in copies at the speed of the kernel’s (2.00 MiB to 10.0 MiB)"},
	} {
		if got := strings.ReplaceAll(userBytes(&c.copies), string(nbsp), " "); !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestFunctionsWithoutNamesAreSaidToBe(t *testing.T) {
	top := []results.Function{{Function: "gw!fn_0x1139", Object: "gw"}, {Function: "gw!fn_0x1200", Object: "gw"}, {Function: "send", Object: "libc.so.6"}}
	if got := nameless(top); !strings.HasPrefix(got, "gw: no symbols.") {
		t.Errorf("%q", got)
	}
	if got := nameless(top[2:]); got != "" {
		t.Errorf("of a function with a name: %q", got)
	}
}
