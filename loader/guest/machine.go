// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// machine is a guest to boot.
type machine struct {
	kernel, initramfs string
	memory            string
	append            string // to the kernel's command line
	console           string // file for the kernel's messages
	timeout           time.Duration
}

// run boots the guest. What the program writes goes to our standard output; its
// exit code is returned.
func (m *machine) run() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), m.timeout)
	defer cancel()
	command := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-machine", "q35",
		// With one thread a CPU, switching probes on and off crashes the guest.
		"-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", m.memory,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "file:"+m.console,
		"-chardev", "stdio,id=out,signal=off", "-serial", "chardev:out",
		"-kernel", m.kernel, "-initrd", m.initramfs,
		// The emulated clock is right, however late it is looked at.
		"-append", "console=ttyS0,115200 quiet panic=-1 oops=panic mitigations=off tsc=reliable no_timer_check rdinit=/init "+m.append)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	err := command.Run()
	said, readErr := os.ReadFile(m.console)
	if code, ok := ending(said); ok {
		return code, nil
	}
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("the guest did not end within %v", m.timeout)
	case err == nil:
		err = errors.New("the guest ended without a word")
	}
	return exitGuest, fmt.Errorf("%w; the last that its kernel said:\n%s", errors.Join(err, readErr), last(said, 4000))
}

var endingLine = regexp.MustCompile(`(?m)^guest: exit code (\d+)\r?$`)

// ending reads the exit code that process 1 has written last.
func ending(console []byte) (int, bool) {
	all := endingLine.FindAllSubmatch(console, -1)
	if len(all) == 0 {
		return 0, false
	}
	code, err := strconv.Atoi(string(all[len(all)-1][1]))
	return code, err == nil
}

func last(text []byte, most int) []byte { return text[max(0, len(text)-most):] }
