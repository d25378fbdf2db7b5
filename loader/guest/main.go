// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Exit codes of our own, behind those that a Go program uses.
const (
	exitUsage = 2
	exitGuest = 99 // the guest did not come to an end of its own
)

// job is what a guest is to do. It travels there as JSON.
type job struct {
	Program string
	Args    []string
	Env     []string
}

func main() {
	if os.Getpid() == 1 {
		beInit()
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "table" {
		if err := table(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "guest:", err)
			os.Exit(1)
		}
		return
	}
	code, err := boot(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
	}
	os.Exit(code)
}

// boot runs the program of the command line on the kernel that it names, and
// returns its exit code.
func boot(args []string) (int, error) {
	flags := flag.NewFlagSet("guest", flag.ContinueOnError)
	kernel := flags.String("kernel", "", "the kernel to boot: a bzImage")
	timeout := flags.Duration("timeout", 5*time.Minute, "end the guest after this long")
	memory := flags.String("memory", "1536M", "the guest's memory")
	options := flags.String("append", "", "more for the kernel's command line")
	log := flags.String("log", "", "keep the kernel's messages in this file")
	var extra []file
	flags.Func("file", "GUEST=HOST: a file to have there, with the libraries it needs; repeatable", func(s string) error {
		guest, host, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("want GUEST=HOST")
		}
		extra = append(extra, file{strings.TrimPrefix(guest, "/"), host})
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return exitUsage, nil // flag has said why
	}
	if *kernel == "" || flags.NArg() == 0 {
		return exitUsage, errors.New("usage: guest -kernel VMLINUZ [-file GUEST=HOST]… PROGRAM ARGUMENT…")
	}
	scratch, err := os.MkdirTemp("", "guest")
	if err != nil {
		return exitGuest, err
	}
	defer os.RemoveAll(scratch)
	files, err := contents(flags.Arg(0), extra)
	if err != nil {
		return exitGuest, err
	}
	m := machine{kernel: *kernel, memory: *memory, append: *options, timeout: *timeout,
		initramfs: filepath.Join(scratch, "initramfs"), console: *log}
	if m.console == "" {
		m.console = filepath.Join(scratch, "console")
	}
	if err := pack(m.initramfs, files, job{"/" + inGuest(flags.Arg(0)), hostless(flags.Args()[1:]), ours(os.Environ())}); err != nil {
		return exitGuest, err
	}
	return m.run()
}

// hostless leaves out flags of a test binary that name files of this machine.
func hostless(args []string) []string {
	kept := []string{}
	for _, arg := range args {
		name, _, _ := strings.Cut(arg, "=")
		switch name {
		case "-test.testlogfile", "-test.coverprofile", "-test.gocoverdir", "-test.outputdir":
		default:
			kept = append(kept, arg)
		}
	}
	return kept
}

// ours are the variables that speak to our own programs.
func ours(environment []string) []string {
	var kept []string
	for _, variable := range environment {
		if strings.HasPrefix(variable, "IPCPROBE_") {
			kept = append(kept, variable)
		}
	}
	return kept
}
