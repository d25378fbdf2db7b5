// SPDX-License-Identifier: Apache-2.0

package cmd_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What runs as root on a production host is one static file, without the
// server that the reference gateway brings along.

func TestIpcprobeIsStatic(t *testing.T) {
	target := filepath.Join(t.TempDir(), "ipcprobe")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", target, "./ipcprobe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	file, err := os.Open(target)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	interpreter, err := needsInterpreter(file)
	if err != nil {
		t.Fatal(err)
	}
	if interpreter {
		t.Error("ipcprobe asks for a dynamic linker")
	}
}

// needsInterpreter says whether the ELF file is to be loaded by a dynamic
// linker: whether it has a PT_INTERP or a PT_DYNAMIC segment.
func needsInterpreter(r io.ReaderAt) (bool, error) {
	file, err := elf.NewFile(r)
	if err != nil {
		return false, err
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP || segment.Type == elf.PT_DYNAMIC {
			return true, nil
		}
	}
	return false, nil
}

func TestNeedsInterpreter(t *testing.T) {
	for _, row := range []struct {
		name string
		elf  []byte
		want bool
		bad  bool
	}{
		{name: "static", elf: program(t, elf.PT_LOAD)},
		{name: "dynamic", elf: program(t, elf.PT_INTERP), want: true},
		{name: "static but relocated at start", elf: program(t, elf.PT_DYNAMIC), want: true},
		{name: "a script", elf: []byte("#!/bin/sh\n"), bad: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := needsInterpreter(bytes.NewReader(row.elf))
			if (err != nil) != row.bad || got != row.want {
				t.Errorf("needsInterpreter = %t, %v; want %t, an error: %t", got, err, row.want, row.bad)
			}
		})
	}
}

// program makes an ELF file of one segment and nothing else.
func program(t *testing.T, segment elf.ProgType) []byte {
	t.Helper()
	header := elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64,
	}
	var file bytes.Buffer
	for _, part := range []any{header, elf.Prog64{Type: uint32(segment)}} {
		if err := binary.Write(&file, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return file.Bytes()
}

func TestNATSServerIsInIpcgatewayOnly(t *testing.T) {
	for command, want := range map[string]bool{"./ipcprobe": false, "./ipcgateway": true} {
		out, err := exec.Command("go", "list", "-deps", command).Output()
		if err != nil {
			t.Fatalf("go list -deps %s: %v", command, err)
		}
		if got := strings.Contains(string(out), "github.com/nats-io/nats-server"); got != want {
			t.Errorf("%s is linked with the NATS server: %t, want %t", command, got, want)
		}
	}
}
