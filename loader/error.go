// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// Unsupported says that this kernel, or these privileges, refused something
// that a measurement needs.
type Unsupported struct {
	Operation string // what was tried
	Need      string // what it takes
	Remedy    string // what to do next
	Err       error  // what the system said
}

// Error gives the whole of it in one line.
func (u *Unsupported) Error() string {
	return fmt.Sprintf("%s: %s; %s", u.Operation, brief(u.Err), u.Remedy)
}

// Unwrap gives what the system said.
func (u *Unsupported) Unwrap() error { return u.Err }

// unsupported wraps an error of the kernel with what it most likely means.
func unsupported(operation string, err error) error {
	if err == nil {
		return nil
	}
	u := &Unsupported{Operation: operation, Err: err}
	var verifier *ebpf.VerifierError
	switch {
	case errors.As(err, &verifier):
		u.Need = "a kernel whose verifier accepts the probes"
		u.Remedy = "see `ipcprobe doctor` for what this kernel offers"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		u.Need = "root, or CAP_BPF and CAP_PERFMON"
		u.Remedy = "run it with sudo, or see `ipcprobe doctor`"
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.ESRCH), errors.Is(err, unix.EINVAL):
		u.Need = "Linux 5.8 with BTF"
		u.Remedy = "see `ipcprobe doctor` for what this kernel offers"
	case errors.Is(err, unix.ENOMEM):
		u.Need = "memory for the records of a slice"
		u.Remedy = "free some memory, or raise the memory limit of this process's cgroup"
	default:
		u.Need = "Linux 5.8 with BTF"
		u.Remedy = "see `ipcprobe doctor`"
	}
	return u
}

// brief is the last line of an error's chain: the verifier's log and the
// names of the loading library are no help to a user.
func brief(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	text := err.Error()
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return text
}
