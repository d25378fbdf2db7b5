// SPDX-License-Identifier: Apache-2.0

// Command guest runs a program on another kernel: it boots the kernel in qemu,
// with an initramfs that holds the program and what it needs, and ends as the
// program ended. As `go test -exec` it runs a package's tests there:
//
//	go test -exec 'guest -kernel VMLINUZ' ./loader
//	guest -kernel VMLINUZ -file bin/ipcgateway=FILE … PROGRAM ARGUMENT…
//	guest table <LINES   what each kernel gave: lines of a name, a version, a rung, a result.json
//
// It needs qemu-system-x86_64, no root and no KVM; a boot takes some seconds. The
// same binary is process 1 of the guest. Time in a guest is not to be trusted:
// what a test measures there is what is seen, and not how long it takes.
package main
