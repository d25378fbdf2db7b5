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
// nor the allocator's, nor what the program has of the C++ library's templates.
// What stands between it and the allocator becomes the call: "strdup" rather than
// the malloc inside. Where there is no other it is the outermost template, for what
// it calls may be compiled into it; where the whole stack is of libraries, the
// innermost frame.
func (s *site) nameAfter(a *Allocator) {
	named := 0
	for i := range s.Frames {
		f := &s.Frames[i]
		if inner(f, a) && i < len(s.Frames)-1 {
			continue
		}
		if inner(f, a) || begins[f.Function] {
			break
		}
		named = i
		if !ofTemplate(f.Function) {
			break
		}
	}
	if named > 0 {
		s.Call = s.Frames[named-1].Function
	}
	s.Function, s.Object = s.Frames[named].Function, s.Frames[named].Object
}

// ofTemplate says that a function is one of the C++ library's, which its templates
// leave in the program itself.
func ofTemplate(function string) bool {
	return strings.HasPrefix(function, "std::") || strings.HasPrefix(function, "__gnu_cxx::")
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
