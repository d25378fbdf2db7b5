// SPDX-License-Identifier: Apache-2.0

package join

import "github.com/ipcprobe/ipcprobe/results"

// Reason says why a request of the population found no partner.
type Reason uint8

const (
	// UnseenConnection: the kernel reported no event of the request's
	// connection, or nobody named the connection's cookie.
	UnseenConnection Reason = iota
	// NoAnchor: the connection was never known to be at rest in the slice, or the
	// kernel's events around its rests contradict each other because one of them
	// was lost.
	NoAnchor
	// LostEvent: the kernel's cursor stepped over the last byte of the request
	// or of its answer between two events; the one that carried it was lost.
	LostEvent
	// NotSeen: the kernel's cursor never reached that byte.
	NotSeen
	// Order: the stamps are in an order that can't have happened, for this
	// request or for enough of its connection that none of it is trusted.
	Order

	reasons
)

// String gives the key under which result.json counts the reason.
func (r Reason) String() string {
	return [...]string{
		"unseen connection", "no anchor", "lost event", "not seen", "order",
	}[r]
}

// Account counts what became of the requests handed to a Matcher:
//
//	Input = Matched + Σ Unmatched + Outside + Unfinished
type Account struct {
	Input      int64          // requests handed in
	Matched    int64          // joined with the kernel's view
	Unmatched  [reasons]int64 // of the population, without a partner; by Reason
	Outside    int64          // answered, but sent outside the slice or before the anchor
	Unfinished int64          // timed out, broken or censored: no answer to join
	// Bounded are matched requests that were taken well before the stamp of their
	// being queued: in the middle of a send call of several buffers, or while the
	// client was off its CPU before the call's end. When exactly they were queued is
	// not known; the moment they were taken, which is the latest possible, stands in
	// for it.
	Bounded int64
	// Observations and Foreign count kernel events: all that were handed in,
	// and those of a cookie that no Connection names.
	Observations int64
	Foreign      int64
}

// Requests is the population: requests that were sent in a slice and
// behind their connection's anchor, and were answered.
func (a Account) Requests() int64 {
	n := a.Matched
	for _, u := range a.Unmatched {
		n += u
	}
	return n
}

// Result gives the account in the form of result.json. Identity and Residual
// are results/stats' to fill. MatchedPct is 0 when the population is empty.
func (a Account) Result() results.Join {
	j := results.Join{
		Requests:  a.Requests(),
		Matched:   a.Matched,
		Unmatched: make(map[string]int64),
	}
	for r, n := range a.Unmatched {
		if n > 0 {
			j.Unmatched[Reason(r).String()] = n
		}
	}
	if j.Requests > 0 {
		j.MatchedPct = 100 * float64(j.Matched) / float64(j.Requests)
	}
	return j
}

// add adds what one slice gave.
func (a *Account) add(b Account) {
	a.Input += b.Input
	a.Matched += b.Matched
	for r := range b.Unmatched {
		a.Unmatched[r] += b.Unmatched[r]
	}
	a.Outside += b.Outside
	a.Unfinished += b.Unfinished
	a.Bounded += b.Bounded
	a.Observations += b.Observations
	a.Foreign += b.Foreign
}
