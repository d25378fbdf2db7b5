// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/binary"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// statLine is a line of /proc/PID/stat with the given name and last fields.
func statLine(comm string) string {
	return "42 (" + comm + ") S 7 42 43 0 -1 4194560 1 2 3 4 150 50 8 9 20 0 3 0 93134 100 200 " +
		"18446744073709551615 1 2 3 4 5 6 7 8 9 0 0 0 17 1 0 0 0 0 0 1 2 3 4 5 6 7 256\n"
}

func TestParseStat(t *testing.T) {
	want := processStat{State: 'S', Parent: 7, Group: 42, Session: 43, Flags: 4194560, UserTicks: 150, SysTicks: 50,
		Threads: 3, Start: 93134, CPU: 1, ExitCode: 256}
	for _, comm := range []string{"redis-server", "a b", "a) R 1 1 (b", ")", "", "x\ny", "\x1b[2J", "((("} {
		got, err := parseStat([]byte(statLine(comm)))
		want.Comm = comm
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", comm, got, err, want)
		}
		user, system, err := cpuTicks([]byte(statLine(comm)))
		if err != nil || user != 150 || system != 50 {
			t.Errorf("%q: ticks %d, %d, %v", comm, user, system, err)
		}
	}
	for _, text := range []string{"", "42", "42 (x", "42 x) S", "42 (x) S 1 2", "42 (x) S -7 42 42 0 -1 4194560",
		strings.Replace(statLine("x"), "93134", "soon", 1), strings.Replace(statLine("x"), "150", "99999999999999999999", 1)} {
		if _, err := parseStat([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestFieldsOfStatus(t *testing.T) {
	text := []byte("Name:\tevil\\nVmRSS:\t 1 kB\nUid:\t1000\t1001\t1002\t1003\nVmRSS:\t  12 kB\nVmHWMx:\t 5 kB\nVmHWM:\t20 kB\nRss: no kB\n")
	if v, ok := bytesOf(text, "VmRSS"); !ok || v != 12*1024 {
		t.Errorf("VmRSS = %d, %v", v, ok)
	}
	if v, ok := bytesOf(text, "VmHWM"); !ok || v != 20*1024 {
		t.Errorf("VmHWM = %d, %v", v, ok)
	}
	if v, ok := numberOf(text, "Uid", 1); !ok || v != 1001 {
		t.Errorf("Uid = %d, %v", v, ok)
	}
	for _, key := range []string{"Rss", "Absent", "Vm"} {
		if v, ok := bytesOf(text, key); ok {
			t.Errorf("%s = %d", key, v)
		}
	}
	if _, ok := numberOf(text, "Uid", 4); ok {
		t.Error("found a fifth user")
	}
}

func TestParseUnixTable(t *testing.T) {
	const row = "000000004ac723d1: 00000002 00000000 "
	text := "Num       RefCount Protocol Flags    Type St Inode Path\n" +
		row + "00010000 0001 01 100 /run/a.sock\n" +
		row + "00000000 0001 03  1073\n" + // connected, no name
		row + "00010000 0001 01 101 @abstract name\n" +
		row + "00010000 0005 01 102 /run/with space.sock\n" +
		row + "00010000 0001 01 103 /run/two\nlines\n\n" +
		row + "00000000 0002 01 104 rel.sock\n" +
		row + "00000000 0002 01 105 @0a1f3\n" // a client that the kernel has named
	want := []unixRow{
		{listeningFlag, Stream, 100, "/run/a.sock"},
		{0, Stream, 1073, ""},
		{listeningFlag, Stream, 101, "@abstract name"},
		{listeningFlag, SeqPacket, 102, "/run/with space.sock"},
		{listeningFlag, Stream, 103, "/run/two\nlines\n"},
		{0, Datagram, 104, "rel.sock"},
		{0, Datagram, 105, "@0a1f3"},
	}
	rows := parseUnixTable([]byte(text))
	if !slices.Equal(rows, want) {
		t.Errorf("got  %+v\nwant %+v", rows, want)
	}
	listening := listeningRows(rows)
	if len(listening) != 5 || listening[101].Name != "@abstract name" || listening[104].Type != Datagram {
		t.Errorf("listening: %+v", listening)
	}
}

// A stranger binds a name that holds a row: whatever it claims of a socket, the
// name that we believe is never his.
func TestForgedRowIsNotBelieved(t *testing.T) {
	const head = "Num       RefCount Protocol Flags    Type St Inode Path\n"
	const real = "000000004ac723d1: 00000002 00000000 00010000 0001 01 100 /run/real.sock\n"
	const forged = "000000005ac723d1: 00000002 00000000 00010000 0001 01 200 /tmp/x\n" +
		"000000004ac723d1: 00000002 00000000 00010000 0001 01 100 /tmp/evil.sock\n"
	for _, text := range []string{head + real + forged, head + forged + real} {
		row := listeningRows(parseUnixTable([]byte(text)))[100]
		if row.Inode != 100 || row.Name != "" {
			t.Errorf("believed %+v", row)
		}
	}
}

func TestSplitCommand(t *testing.T) {
	tests := map[string][]string{
		"":                 nil,
		"\x00\x00":         nil,
		"a\x00b c\x00\x00": {"a", "b c"},
		"title: worker":    {"title: worker"},
		"a\x00\x00b\x00":   {"a", "", "b"},
	}
	for text, want := range tests {
		if got := splitCommand([]byte(text)); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestParseTicks(t *testing.T) {
	before, err := parseTicks([]byte("cpu  10 0 10 70 5 0 0 5 3 0\ncpu0 1 2\n"))
	if err != nil || before != (Ticks{Total: 100, Idle: 75, Steal: 5}) {
		t.Fatalf("got %+v, %v", before, err)
	}
	after, err := parseTicks([]byte("cpu  20 0 20 130 5 0 0 25 9 0\n"))
	if err != nil {
		t.Fatal(err)
	}
	if pct := StealPct(before, after); pct != 20 {
		t.Errorf("steal %v %%, want 20", pct)
	}
	if pct := StealPct(after, before); pct != 0 {
		t.Errorf("steal backwards %v %%", pct)
	}
	for _, text := range []string{"", "cpu0 1 2 3 4 5 6 7 8\n", "cpu  1 2 3 4 5 6 7\n", "cpu  1 2 3 4 5 6 7 x\n"} {
		if _, err := parseTicks([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

func TestMachineText(t *testing.T) {
	x86 := []byte("processor\t: 0\nmodel\t\t: 85\nmodel name\t: Intel(R)  Xeon(R) CPU\nflags\t\t: fpu hypervisor lm\n")
	arm := []byte("processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n")
	if got := cpuModel(x86); got != "Intel(R) Xeon(R) CPU" {
		t.Errorf("x86 model %q", got)
	}
	if got := cpuModel(arm); got != "implementer 0x41, part 0xd0c" {
		t.Errorf("arm model %q", got)
	}
	if !hypervisorFlag(x86) || hypervisorFlag(arm) || hypervisorFlag([]byte("flags\t: nohypervisor\n")) {
		t.Error("hypervisor flag")
	}
	for text, want := range map[string]string{"[none] integrity confidentiality\n": "none",
		"none [integrity] confidentiality\n": "integrity", "": "unknown", "][": "unknown", "[]": "unknown"} {
		if got := lockdownMode([]byte(text)); got != want {
			t.Errorf("lockdown %q: %q", text, got)
		}
	}
	for list, want := range map[string]int{"0": 1, "0-3": 4, "0-1,4,6-7": 5, "": 0, "3-1": 0, "a": 0, "0-99999999": 0} {
		if n, ok := countCPUs(list); ok != (want > 0) || n != want {
			t.Errorf("CPUs %q: %d, %v", list, n, ok)
		}
	}
}

func TestParseBuildID(t *testing.T) {
	note := func(name string, kind uint32, desc string) []byte {
		var b []byte
		for _, v := range []uint32{uint32(len(name)), uint32(len(desc)), kind} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		pad := func(s string) []byte { return append([]byte(s), make([]byte, -len(s)&3)...) }
		return append(append(b, pad(name)...), pad(desc)...)
	}
	id := note("GNU\x00", 3, "\x01\x02\x03")
	other := note("Go\x00\x00", 4, "12345")
	huge := note("GNU\x00", 3, "1234")
	binary.LittleEndian.PutUint32(huge[4:], 1<<31)
	tests := []struct {
		name  string
		notes []byte
		want  string
		bad   bool
	}{
		{"alone", id, "010203", false},
		{"after another", append(slices.Clone(other), id...), "010203", false},
		{"none", other, "", false},
		{"empty", nil, "", false},
		{"cut short", id[:14], "", true},
		{"a size beyond the end", huge, "", true},
	}
	for _, tt := range tests {
		got, err := parseBuildID(tt.notes, 4, binary.LittleEndian)
		if got != tt.want || (err != nil) != tt.bad {
			t.Errorf("%s: got %q, %v", tt.name, got, err)
		}
	}
}

func TestEndingInWords(t *testing.T) {
	for status, want := range map[int]string{
		0:                           "exited with status 0",
		3 << 8:                      "exited with status 3",
		int(syscall.SIGPIPE):        "was killed by signal 13 (broken pipe)",
		int(syscall.SIGSEGV) | 0x80: "was killed by signal 11 (segmentation fault), with a core dump",
	} {
		if got := endingOf(status).String(); got != want {
			t.Errorf("%#x: %q, want %q", status, got, want)
		}
	}
	if got := (Ending{}).String(); got != "ended" {
		t.Errorf("unknown: %q", got)
	}
}

func TestPrintable(t *testing.T) {
	for name, want := range map[string]string{
		"/run/a.sock": "/run/a.sock", "a b": `"a b"`, "": `""`, "a\nb": `"a\nb"`,
		"\x1b[2J": `"\x1b[2J"`, "\xff": `"\xff"`, "é": "é", "\u202e": `"\u202e"`,
	} {
		if got := Printable(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	var k tail
	for range 1000 {
		if n, err := k.Write([]byte("line of text\n")); n != 13 || err != nil {
			t.Fatal(n, err)
		}
	}
	_, _ = k.Write([]byte("bad \x1b[31mred\xff\u009b\n\tlast\n\n"))
	lines := k.lines()
	if len(lines) != tailLines || lines[tailLines-1] != "\tlast" || lines[tailLines-2] != "bad ?[31mred??" {
		t.Errorf("got %q", lines)
	}
	if len(k.kept) > tailBytes {
		t.Errorf("keeps %d bytes", len(k.kept))
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte(statLine("redis")))
	f.Add([]byte(statLine("a) (b")))
	f.Add([]byte(") ("))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseStat(text)
		user, system, ticksErr := cpuTicks(text)
		if err == nil && (ticksErr != nil || user != s.UserTicks || system != s.SysTicks) {
			t.Fatalf("two readings of %q: %+v, and %d, %d, %v", text, s, user, system, ticksErr)
		}
	})
}

func FuzzParseUnixTable(f *testing.F) {
	f.Add([]byte("Num\n000000004ac723d1: 00000002 00000000 00010000 0001 01 100 /run/a\nb\n"))
	f.Add([]byte("00000000: 00000002 00000000 00010000 0001 01 100\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rows := parseUnixTable(text)
		size := 0
		for _, r := range rows {
			size += len(r.Name)
		}
		if size > len(text) {
			t.Fatalf("%d bytes of names from %d of text", size, len(text))
		}
		for inode, row := range listeningRows(rows) {
			if inode == 0 || row.Inode != inode || row.Flags&listeningFlag == 0 {
				t.Fatalf("%d: %+v", inode, row)
			}
		}
	})
}

// One name, bound by anybody, must come back whole from a row of its own, or be
// seen as more than one row.
func FuzzUnixName(f *testing.F) {
	f.Add("/run/a b")
	f.Add("/a\n\n")
	f.Fuzz(func(t *testing.T, name string) {
		if name == "" {
			return
		}
		rows := parseUnixTable([]byte("Num\n0000000000000000: 00000002 00000000 00010000 0001 01 7 " + name + "\n"))
		if len(rows) == 1 && rows[0].Name != name || len(rows) == 0 || rows[0].Inode != 7 {
			t.Fatalf("%q came back as %+v", name, rows)
		}
	})
}

func FuzzStatus(f *testing.F) {
	f.Add([]byte("Rss: 12 kB\nPss:\t3 kB\n"), "Rss")
	f.Add([]byte("cpu  1 2 3 4 5 6 7 8\nflags: a [b] hypervisor"), "flags")
	f.Fuzz(func(t *testing.T, text []byte, key string) {
		if v, ok := bytesOf(text, key); ok && v < 0 {
			t.Fatalf("%d bytes", v)
		}
		_, _ = numberOf(text, key, 3)
		_ = cpuModel(text)
		_ = hypervisorFlag(text)
		_ = lockdownMode(text)
		ticks, err := parseTicks(text)
		if err == nil && ticks.Idle > ticks.Total {
			t.Fatalf("%+v", ticks)
		}
		_, _ = countCPUs(string(text))
		_ = splitCommand(text)
	})
}

func FuzzParseBuildID(f *testing.F) {
	f.Add([]byte("\x04\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00GNU\x00ab\x00\x00"), uint64(4))
	f.Fuzz(func(t *testing.T, notes []byte, align uint64) {
		id, err := parseBuildID(notes, align, binary.LittleEndian)
		if err != nil && id != "" || len(id) > 2*len(notes) {
			t.Fatalf("%q, %v", id, err)
		}
	})
}
