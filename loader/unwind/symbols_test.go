// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"debug/elf"
	"strings"
	"testing"
)

// symbolsOf gives the functions that the compiler wrote to a program's symbol
// table under the names of corpus.c.
func symbolsOf(t testing.TB, path string) []elf.Symbol {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var own []elf.Symbol
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && strings.HasPrefix(s.Name, "corpus_") {
			own = append(own, s)
		}
	}
	return own
}
