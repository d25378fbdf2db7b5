// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// beInit is process 1 of the guest: it makes a system of the bare kernel, does
// the job, says how that ended and switches the machine off.
func beInit() {
	code := exitGuest
	if err := settle(); err != nil {
		fmt.Println("guest: make the system:", err)
	}
	if err := work(&code); err != nil {
		fmt.Println("guest:", err)
	}
	fmt.Printf("\nguest: exit code %d\n", code)
	drain("/dev/ttyS0")
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	time.Sleep(time.Minute) // not reached
}

// settle mounts what a system has, and brings the loopback up. What an older
// kernel has not is left out, and said.
func settle() error {
	var errs []error
	for _, m := range [][2]string{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"}, {"tmpfs", "/run"},
		{"tracefs", "/sys/kernel/tracing"}, {"debugfs", "/sys/kernel/debug"}, {"bpf", "/sys/fs/bpf"},
		{"cgroup2", "/sys/fs/cgroup"}, {"securityfs", "/sys/kernel/security"},
	} {
		_ = os.MkdirAll(m[1], 0o755) // what fails shows in the mount
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			errs = append(errs, fmt.Errorf("mount %s: %w", m[1], err))
		}
	}
	return errors.Join(append(errs, loopback())...)
}

// loopback brings the interface lo up.
func loopback() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request := struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}{flags: unix.IFF_UP | unix.IFF_RUNNING}
	copy(request.name[:], "lo")
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCSIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return fmt.Errorf("bring the loopback up: %w", errno)
	}
	return nil
}

// work runs the job's program, with its output on the second serial line.
func work(code *int) error {
	text, err := os.ReadFile("/job.json")
	if err != nil {
		return err
	}
	var j job
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	line, err := serial("/dev/ttyS1")
	if err != nil {
		return err
	}
	command := exec.Command(j.Program, j.Args...)
	command.Dir = "/work"
	command.Env = append(j.Env, "PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp")
	command.Stdout, command.Stderr = line, line
	err = command.Run()
	drain("/dev/ttyS1")
	var ended *exec.ExitError
	switch {
	case err == nil:
		*code = 0
	case errors.As(err, &ended) && ended.ExitCode() >= 0:
		*code = ended.ExitCode()
	default:
		return err
	}
	return nil
}

// serial opens a serial line that changes nothing of what is written to it.
func serial(path string) (*os.File, error) {
	line, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	settings, err := unix.IoctlGetTermios(int(line.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	settings.Oflag &^= unix.OPOST
	settings.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	settings.Cflag = settings.Cflag&^unix.CBAUD | unix.B115200
	if err := unix.IoctlSetTermios(int(line.Fd()), unix.TCSETS, settings); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return line, nil
}

// drain waits until all that was written to a serial line is out.
func drain(path string) {
	if line, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0); err == nil {
		_ = unix.IoctlSetInt(int(line.Fd()), unix.TCSBRK, 1) // tcdrain; the line is only slower without
		line.Close()
	}
}
