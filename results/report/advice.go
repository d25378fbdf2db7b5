// SPDX-License-Identifier: Apache-2.0

package report

import "github.com/ipcprobe/ipcprobe/results"

// partAdvice says what follows where one part makes up most of the leg that
// dominates; ok is false where the part alone says too little.
func partAdvice(r *results.Result, leg, part string, pct float64) (t text, ok bool) {
	share := ": " + rough(pct) + " of it "
	shared := r.Environment.Placement.SharedPct
	switch leg + ", " + part {
	case "queue wait, server busy":
		return say(share + "the server was at other requests, so a faster service shortens both legs."), true
	case "queue wait, run queue", "service time, run queue":
		t = say(share + "the server was ready to run and had no CPU")
		if shared >= 20 {
			return t.with("; client and server were on the same CPU in " + rough(shared) + " of looks."), true
		}
		return t.with(": another task had its core. A core of its own would end that."), true
	case "queue wait, wake-up":
		return say(share + "is waking the server up; its own code has no part in that."), true
	case "service time, upstream wait":
		return say(share + "the server waited for an answer from upstream; a single thread that waits so keeps every other client waiting too."), true
	case "service time, blocked":
		return say(share + "the server slept, and not for upstream: a lock, a disk, a pause."), true
	case "service time, on CPU, user":
		t = say(share + "is the server’s own code")
		if r.CPU != nil {
			if f, ok := hottest(r.CPU); ok {
				t = t.with(", most of all ").and(name(truncate(clean(f.Function), 40, "…"))).
					with(" (" + rough(f.SelfPct) + " of its CPU samples)")
			}
		}
		return t.with("."), true
	case "service time, on CPU, kernel":
		return say(share + "is system calls that the server makes in between; the table below names them."), true
	case "reply delivery, client busy":
		return say(share + "the client was at other answers: that is the load generator’s own, not the server’s."), true
	case "reply delivery, run queue":
		t = say(share + "the client was ready to run and had no CPU")
		if shared >= 20 {
			t = t.with("; client and server were on the same CPU in " + rough(shared) + " of looks")
		}
		return t.with("."), true
	case "reply delivery, wake-up":
		return say(share + "is waking the client up; the server’s code has no part in that."), true
	case "reply delivery, server sending":
		return say(share + "is the server’s send call, which copies the answer into the client’s queue."), true
	}
	return nil, false
}
