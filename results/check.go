// SPDX-License-Identifier: Apache-2.0

package results

// Check is one line of `ipcprobe doctor`: one hook or privilege that a
// measurement uses, tried on this machine, and what came of it. Detail may be
// text of the system, so whoever prints it escapes it.
type Check struct {
	Name     string `json:"name"`             // what was tried: "tracepoint sock:sock_send_length"
	Needs    string `json:"needs"`            // the least kernel and privilege: "Linux 6.3, CAP_PERFMON"
	Gives    string `json:"gives,omitempty"`  // what a run loses without it
	Works    bool   `json:"works"`            // it was tried and did what a run needs
	Required bool   `json:"required"`         // a run can't do its whole job without it
	Detail   string `json:"detail,omitempty"` // what the system said
	Remedy   string `json:"remedy,omitempty"` // what to do about it; empty when it works
}
