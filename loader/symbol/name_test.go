// SPDX-License-Identifier: Apache-2.0

package symbol

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipcprobe/ipcprobe/results/kerneltest"
)

func TestNamesAreDemangled(t *testing.T) {
	for name, want := range map[string]string{
		"main":                                   "main",
		"memcpy@@GLIBC_2.14":                     "memcpy",
		"_ZN7gateway5parseEPKcm":                 "gateway::parse",
		"_ZNSt6vectorIiSaIiEE9push_backERKi":     "std::vector<int, std::allocator<int> >::push_back",
		"_ZN4core3fmt5write17h0123456789abcdefE": "core::fmt::write",
		"_RNvC6_123foo3bar":                      "123foo::bar",
		"_Znot":                                  "_Znot",
		"_ZN" + strings.Repeat("1a", 4000):       "_ZN" + strings.Repeat("1a", 4000),
	} {
		if got, symbol := demangled(name); got != want || symbol != "" && symbol != name {
			t.Errorf("%s: %q (%q), want %q", name, got, symbol, want)
		}
	}
}

func TestTablesChoose(t *testing.T) {
	table := sorted([]entry{
		{start: 100, size: 50, name: "_public"}, {start: 100, size: 50, name: "public"}, {start: 100, size: 50, name: "kept", rank: local},
		{start: 110, size: 5, name: "nested"},
		{start: 200, name: "unsized"}, {start: 200, size: 8, name: "sized", rank: fromDynamic + local},
		{start: 300, name: "open"},
	})
	for address, want := range map[uint64]string{
		99: "", 100: "public", 112: "nested", 120: "public", 149: "public", 150: "", 205: "sized", 208: "", 299: "", 300: "open", 1 << 40: "open",
	} {
		if e, ok := table.find(address); e.name != want || ok != (want != "") {
			t.Errorf("%d: %q, want %q", address, e.name, want)
		}
	}
}

func TestKernelNames(t *testing.T) {
	const kallsyms = `ffffffff81000000 T startup_64
ffffffff81000100 t do_syscall_64
ffffffff82000000 D data
ffffffffc0001000 t nf_hook	[nf_tables]
ffffffffc0100000 t bpf_prog_0123456789abcdef_sys_enter	[bpf]
garbage
ffffffffc0200000 t bpf_prog_0123456789abcdef_sys_enter	[bpf]
`
	k, err := readKernel(strings.NewReader(kallsyms))
	if err != nil {
		t.Fatal(err)
	}
	k.Mark([]Code{{Start: 0xffffffffc0100000, Size: 0x80, Program: "bpf sys_enter"}})
	for address, want := range map[uint64][2]string{
		0xffffffff81000104: {"do_syscall_64", "[kernel]"},
		0xffffffffc0001010: {"nf_hook", "[nf_tables]"},
		0xffffffffc0100010: {"bpf sys_enter", "[ipcprobe]"},
		0xffffffffc0200010: {"bpf_prog_0123456789abcdef_sys_enter", "[bpf]"}, // somebody else's
		0xff:               {"[kernel]", "[kernel]"},
	} {
		f := k.Frame(address)
		if f.Function != want[0] || f.Object != want[1] || !f.Kernel {
			t.Errorf("%#x: %+v, want %v", address, f, want)
		}
		if k.Own(address) != (want[1] == "[ipcprobe]") {
			t.Errorf("%#x: own %v", address, k.Own(address))
		}
	}
	if k, err := readKernel(strings.NewReader("0000000000000000 T startup_64\n")); !errors.Is(err, ErrHidden) || k.Frame(5).Function != "[kernel]" {
		t.Errorf("hidden addresses: %v", err)
	}
}

// started runs a program that waits, until it has said that it is ready.
func started(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	c := exec.Command(path, "wait")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return c
}

// A server of which nothing but the code is left: stripped, no build id, deleted.
func TestADeletedFileStillNamesItsFunctions(t *testing.T) {
	whole := compiled(t)
	at := addresses(t, whole, "hidden", "main")
	dir := filepath.Dir(whole)
	run(t, dir, "objcopy", "-S", "--remove-section=.note.gnu.build-id", "x", "server")
	path := filepath.Join(dir, "server")
	c := started(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p := OpenProcess(c.Process.Pid)
	defer p.Close()
	if err := p.Refresh(); err != nil {
		if os.Geteuid() != 0 { // map_files takes a capability
			kerneltest.Skip(t, err.Error())
		}
		t.Fatal(err)
	}
	for _, m := range p.mappings {
		o := p.objects[keyOf(m)]
		if m.Object() != "server" || o == nil {
			continue
		}
		f := p.Frame(m.Start+(at["hidden"]-o.address(m.Offset)), true)
		if want := "server!fn_0x" + strings.TrimLeft(hexOf(at["hidden"]), "0"); f.Function != want || f.BuildID != "" ||
			f.Mapping == nil || f.Mapping.Start != m.Start {
			t.Errorf("%+v, want %s", f, want)
		}
		return
	}
	t.Errorf("the program is not among %+v", p.mappings)
}

func TestTheVDSOAndTheChosenMemcpyHaveNames(t *testing.T) {
	c := started(t, compiled(t))
	p := OpenProcess(c.Process.Pid)
	defer p.Close()
	if err := p.Refresh(); err != nil && os.Geteuid() == 0 {
		t.Fatal(err)
	}
	vdsoSeen, libc := false, false
	for _, m := range p.mappings {
		o := p.objects[keyOf(m)]
		switch {
		case o == nil:
		case m.Path == vdso:
			for _, e := range o.load().functions {
				vdsoSeen = vdsoSeen || strings.HasSuffix(e.name, "clock_gettime")
			}
		case strings.HasPrefix(m.Object(), "libc.so"):
			libc = true
			o.tables, o.debug = nil, nil // as without debug information
			found := map[string]bool{}
			for _, e := range o.resolved {
				name, exact := named(o, e.start+4)
				found[name] = exact
			}
			if !found["memcpy"] && !found["memmove"] && !found["mempcpy"] {
				t.Errorf("of the functions that the loader chose these have names: %v", found)
			}
		}
	}
	if !vdsoSeen {
		t.Error("the vDSO's clock_gettime has no name")
	}
	if !libc {
		t.Log("no libc.so is mapped")
	}
	if m := p.Program(); m == nil || filepath.Base(m.File) != "x" || m.BuildID == "" {
		t.Errorf("program: %+v", m)
	}
}

func FuzzKernel(f *testing.F) {
	f.Add("ffffffff81000000 T startup_64\nffffffffc0000010 t nf_hook\t[nf_tables]\n", uint64(0xffffffff81000004))
	f.Add("0000000000000000 T startup_64\n", uint64(5))
	f.Add("x y\n\n1 T", uint64(0))
	f.Fuzz(func(t *testing.T, text string, address uint64) {
		k, err := readKernel(strings.NewReader(text))
		if k == nil || k.Frame(address).Function == "" {
			t.Fatalf("an address has no name: %v", err)
		}
	})
}
