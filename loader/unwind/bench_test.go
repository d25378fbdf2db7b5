// SPDX-License-Identifier: Apache-2.0

package unwind

import (
	"os"
	"runtime"
	"testing"
	"unsafe"
)

// BenchmarkTables makes the tables of what a gateway with TLS maps: libc, libssl,
// libcrypto and libnats. The target is 300 ms and 64 MB, and both are reported:
// time of all four, and the memory that the tables keep (kept-B) and that making
// them takes at most (peak-B).
func BenchmarkTables(b *testing.B) {
	names := []string{"libc.so.6", "libssl.so.3", "libcrypto.so.3", "libnats.so.3"}
	var paths []string
	for _, name := range names {
		paths = append(paths, library(b, name))
	}
	var before, after runtime.MemStats
	var rows, rules int
	runtime.GC()
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	for range b.N {
		var dictionary Rules
		rows = 0
		for _, path := range paths {
			rows += len(compileBench(b, path, &dictionary).Rows)
		}
		rules = len(dictionary.All())
	}
	b.StopTimer()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(rows), "rows")
	b.ReportMetric(float64(rows)*float64(unsafe.Sizeof(Row{}))+float64(rules)*float64(unsafe.Sizeof(Rule{})), "kept-B")
	b.ReportMetric(float64(after.HeapSys), "peak-B")
}

// BenchmarkFunctions reads the ranges of libcrypto's functions, for names.
func BenchmarkFunctions(b *testing.B) {
	path := library(b, "libcrypto.so.3")
	for range b.N {
		file, size := openBench(b, path)
		if _, err := ReadFunctions(file, size); err != nil {
			b.Fatal(err)
		}
		file.Close()
	}
}

func openBench(b *testing.B, path string) (*os.File, int64) {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		b.Fatal(err)
	}
	return file, info.Size()
}

func compileBench(b *testing.B, path string, rules *Rules) *Table {
	b.Helper()
	file, size := openBench(b, path)
	defer file.Close()
	table, err := Compile(file, size, rules)
	if err != nil {
		b.Fatal(err)
	}
	return table
}
