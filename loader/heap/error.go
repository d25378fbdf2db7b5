// SPDX-License-Identifier: Apache-2.0

package heap

import "fmt"

// Unmeasurable says why a process's allocator can't be watched, and what to do.
type Unmeasurable struct {
	Reason string // what is in the way
	Remedy string // what to do next; may be empty
	Err    error  // what the system said; may be nil
}

// Error gives the whole of it in one line.
func (u *Unmeasurable) Error() string {
	text := u.Reason
	if u.Err != nil {
		text = fmt.Sprintf("%s: %v", text, u.Err)
	}
	if u.Remedy != "" {
		text += "; " + u.Remedy
	}
	return text
}

// Unwrap gives what the system said.
func (u *Unmeasurable) Unwrap() error { return u.Err }
