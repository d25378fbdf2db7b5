// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"syscall"
)

// Ending is how a process ended. The zero value means that it ended and nobody
// could tell how.
type Ending struct {
	Known  bool
	Status int            // exit status, when no signal ended it
	Signal syscall.Signal // 0 when it exited by itself
	Core   bool           // the kernel wrote its memory out
}

// endingOf takes a status apart as wait(2) gives it.
func endingOf(status int) Ending {
	return Ending{Known: true, Status: status >> 8 & 0xff,
		Signal: syscall.Signal(status & 0x7f), Core: status&0x80 != 0}
}

// String tells the ending in words: "exited with status 3", "was killed by
// signal 13 (broken pipe)", "ended".
func (e Ending) String() string {
	switch {
	case !e.Known:
		return "ended"
	case e.Signal != 0:
		text := fmt.Sprintf("was killed by signal %d (%s)", int(e.Signal), e.Signal)
		if e.Core {
			text += ", with a core dump"
		}
		return text
	}
	return fmt.Sprintf("exited with status %d", e.Status)
}
