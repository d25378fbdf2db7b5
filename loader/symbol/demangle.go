// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"strings"

	"github.com/ianlancetaylor/demangle"
)

const (
	mangledBound = 4096 // bytes of a name that is still demangled
	nameBound    = 10   // 1 KiB (2^10) of the demangled name
)

// demangled is a C++ or Rust name as its programmer wrote it, without parameters;
// any other name as it is. symbol is the name in the file, where it differs.
func demangled(name string) (function, symbol string) {
	// What the linker appends: foo@@GLIBC_2.14.
	if i := strings.IndexByte(name, '@'); i > 0 {
		name = name[:i]
	}
	if len(name) > mangledBound || !strings.HasPrefix(name, "_Z") && !strings.HasPrefix(name, "_R") && !strings.HasPrefix(name, "__Z") {
		return name, ""
	}
	plain, err := demangle.ToString(name, demangle.NoParams, demangle.NoClones, demangle.MaxLength(nameBound))
	if err != nil {
		return name, ""
	}
	return plain, name
}
