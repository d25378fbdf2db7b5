// SPDX-License-Identifier: Apache-2.0

//go:build linux

package heap

import (
	"strings"

	"github.com/ipcprobe/ipcprobe/results"
)

// site is a place while it is being described.
type site struct{ results.HeapSite }

// nameAfter names a site after the first of its frames that a reader would look
// for: not the C library's (strdup is no leak of its own), nor a C++ runtime's,
// nor the allocator's. What stands between it and the allocator becomes the call:
// "strdup" rather than the malloc inside. Where the whole stack is of libraries
// it is the innermost frame.
func (s *site) nameAfter(a *Allocator) {
	for i := range s.Frames {
		if inner(&s.Frames[i], a) && i < len(s.Frames)-1 {
			continue
		}
		if inner(&s.Frames[i], a) || begins[s.Frames[i].Function] {
			break // nobody's: name it by the innermost frame
		}
		if i > 0 {
			s.Call = s.Frames[i-1].Function
		}
		s.Function, s.Object = s.Frames[i].Function, s.Frames[i].Object
		return
	}
	s.Function, s.Object = s.Frames[0].Function, s.Frames[0].Object
}

// begins are functions in which programs and threads begin: a stack that ends there
// is whole, even where nothing says how to go on (musl has no tables for them).
var begins = map[string]bool{
	"_start": true, "_start_c": true, "__libc_start_main": true, "libc_start_main_stage2": true,
	"__libc_start_call_main": true, "start_thread": true, "start": true, "__clone": true, "__clone3": true,
}

// libraryNames are functions of the C and C++ libraries that hand out what they
// allocate: told by name where they stand in the program itself.
var libraryNames = map[string]bool{
	"strdup": true, "__strdup": true, "strndup": true, "__strndup": true, "wcsdup": true,
	"asprintf": true, "__asprintf": true, "vasprintf": true, "__vasprintf": true, "__vasprintf_internal": true,
	"getline": true, "getdelim": true, "__getdelim": true, "realpath": true, "open_memstream": true,
	"reallocarray": true, "operator new": true, "operator new[]": true,
}

func inner(f *results.Frame, a *Allocator) bool {
	object := f.Object
	switch {
	case strings.HasPrefix(object, "libc.so"), strings.HasPrefix(object, "libc-2"), strings.HasPrefix(object, "ld-"),
		strings.HasPrefix(object, "libpthread"), strings.HasPrefix(object, "libstdc++"), strings.HasPrefix(object, "libc++"):
		return true
	case libraryNames[f.Function]:
		return true
	}
	return a.library(object)
}
