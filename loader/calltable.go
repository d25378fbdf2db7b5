// SPDX-License-Identifier: Apache-2.0

package loader

import "fmt"

//go:generate go run ./callgen

// nameOf is the name of a system call, or call_N for a number that is newer
// than the table.
func nameOf(number uint32) string {
	if int(number) < len(callNames) && callNames[number] != "" {
		return callNames[number]
	}
	return fmt.Sprintf("call_%d", number)
}

// moves lists the calls whose positive return is a number of bytes moved.
var moves = map[string]bool{
	"read": true, "readv": true, "pread64": true, "preadv": true, "preadv2": true,
	"write": true, "writev": true, "pwrite64": true, "pwritev": true, "pwritev2": true,
	"recvfrom": true, "recvmsg": true, "sendto": true, "sendmsg": true,
	"sendfile": true, "splice": true, "tee": true, "vmsplice": true,
	"copy_file_range": true, "process_vm_readv": true, "process_vm_writev": true,
	"getrandom": true, "getdents64": true,
}
