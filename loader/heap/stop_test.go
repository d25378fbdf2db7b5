// SPDX-License-Identifier: Apache-2.0

package heap

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results"
)

func TestStopTakesTheFirstInstructionThatTheKernelCarriesOut(t *testing.T) {
	for name, c := range map[string]struct {
		code  string
		args  int
		at    int
		cheap bool
	}{
		"glibc's malloc: push at once":             {"4154 55 53 4889fb", 1, 0, true},
		"glibc's free: test, je":                   {"4885ff 0f84bf000000 55", 1, 3, true},
		"jemalloc's malloc: cmp, ja":               {"4881ff00100000 0f8793000000", 1, 7, true},
		"endbr64, push":                            {"f30f1efa 55 4889e5", 1, 4, true},
		"tcmalloc's malloc: load, test, jne":       {"488b0559ab0000 4885c0 7575", 1, 10, true},
		"the argument is overwritten before":       {"4889f7 7400 c3", 1, 0, false},
		"only the second argument, which is spare": {"31f6 7400 c3", 1, 2, true},
		"a part of the argument's register":        {"31ff 7400 c3", 1, 0, false},
		"the stack moves before":                   {"4883ec08 7400 c3", 1, 0, false},
		"it returns before":                        {"31c0 c3", 1, 0, false},
		"a call":                                   {"e800000000 c3", 1, 0, false},
		"a loop comes by":                          {"31c0 85c0 75fa c3", 1, 0, false},
		"a jump into another function":             {"e9fbffff00", 1, 0, true},
		"no instruction":                           {"0f", 1, 0, false},
		"nothing":                                  {"", 1, 0, false},
	} {
		code, err := hex.DecodeString(strings.ReplaceAll(c.code, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if at, cheap := stop(code, c.args); at != c.at || cheap != c.cheap {
			t.Errorf("%s: at %d, cheap %v; want %d, %v", name, at, cheap, c.at, c.cheap)
		}
	}
}

func FuzzStop(f *testing.F) {
	f.Add([]byte("\x48\x85\xff\x0f\x84\xbf\x00\x00\x00"), 1)
	f.Add([]byte("\xf3\x0f\x1e\xfa\x55"), 3)
	f.Fuzz(func(t *testing.T, code []byte, args int) {
		at, cheap := stop(code, max(0, args))
		if at < 0 || at > 0 && at >= len(code) || at > 0 && !cheap {
			t.Errorf("at %d of %d, cheap %v", at, len(code), cheap)
		}
	})
}

func TestFamiliesAreNamedAfterTheirMalloc(t *testing.T) {
	for _, c := range [][3]string{
		{"je_malloc", "free", "je_free"}, {"je_malloc", "posix_memalign", "je_posix_memalign"},
		{"xmalloc", "calloc", "xcalloc"}, {"pool_alloc", "free", "pool_free"}, {"obtain", "free", "obtain_free"},
		{"obtain", "malloc", "obtain"},
	} {
		if got := relative(c[0], c[1]); got != c[2] {
			t.Errorf("%s of %s is %s, want %s", c[1], c[0], got, c[2])
		}
	}
}

func TestBucketsLeaveEmptyEndsOut(t *testing.T) {
	counts := make([]uint64, 64)
	if got := Buckets(counts); got != nil {
		t.Errorf("of nothing: %v", got)
	}
	counts[0], counts[2], counts[63] = 1, 2, 3
	got := Buckets(counts)
	want := []results.HeapBucket{{Low: 0, High: 1, Count: 1}, {Low: 1, High: 2}, {Low: 2, High: 4, Count: 2}}
	if len(got) != 64 || !reflect.DeepEqual(got[:3], want) {
		t.Errorf("got %v of %d, want %v first", got[:3], len(got), want)
	}
	for i, b := range got {
		if b.High <= b.Low {
			t.Errorf("bar %d is from %d to %d", i, b.Low, b.High)
		}
	}
}

func TestSitesAreNamedAfterWhoAsked(t *testing.T) {
	frame := func(function, object string) results.Frame { return results.Frame{Function: function, Object: object} }
	for name, c := range map[string]struct {
		frames         []results.Frame
		call, function string
	}{
		"the program's own call":  {[]results.Frame{frame("handle", "server"), frame("main", "server")}, "malloc", "handle"},
		"through strdup":          {[]results.Frame{frame("strdup", "libc.so.6"), frame("handle", "server")}, "strdup", "handle"},
		"in a static program":     {[]results.Frame{frame("__strdup", "server"), frame("handle", "server")}, "__strdup", "handle"},
		"through two":             {[]results.Frame{frame("__vasprintf_internal", "libc.so.6"), frame("asprintf", "libc.so.6"), frame("handle", "server")}, "asprintf", "handle"},
		"all of the C library":    {[]results.Frame{frame("setvbuf", "libc.so.6"), frame("__libc_start_main", "libc.so.6")}, "malloc", "setvbuf"},
		"up to the program's end": {[]results.Frame{frame("setlocale", "libc.so.6"), frame("_start", "server")}, "malloc", "setlocale"},
		"through a template":      {[]results.Frame{frame("std::vector<int>::_M_realloc_insert<int>", "server"), frame("handle", "server"), frame("main", "server")}, "std::vector<int>::_M_realloc_insert<int>", "handle"},
		"in a thread's template":  {[]results.Frame{frame("operator new", "libstdc++.so.6"), frame("std::_Construct<int>", "server"), frame("std::thread::_State_impl<f>::_M_run", "server"), frame("execute", "libstdc++.so.6"), frame("start_thread", "libc.so.6")}, "std::_Construct<int>", "std::thread::_State_impl<f>::_M_run"},
		"one frame":               {[]results.Frame{frame("strdup", "libc.so.6")}, "malloc", "strdup"},
	} {
		s := site{results.HeapSite{Call: "malloc", Frames: c.frames}}
		s.nameAfter(&Allocator{})
		if s.Call != c.call || s.Function != c.function {
			t.Errorf("%s: %s by %s, want %s by %s", name, s.Function, s.Call, c.function, c.call)
		}
	}
}
