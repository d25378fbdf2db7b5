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

// idles says that a thread that sleeps in this call waits for whatever comes
// next. The kernel has numbers beyond the table for sleeps outside calls and
// those that an answer from upstream ended.
func idles(number uint32) bool {
	return int(number) < len(callNames) && waits[callNames[number]]
}

// waits lists the calls in which a server waits for its clients.
var waits = map[string]bool{
	"poll": true, "ppoll": true, "select": true, "pselect6": true,
	"epoll_wait": true, "epoll_pwait": true, "epoll_pwait2": true, "epoll_wait_old": true,
	"read": true, "readv": true, "recvfrom": true, "recvmsg": true, "recvmmsg": true,
	"accept": true, "accept4": true, "io_uring_enter": true,
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
