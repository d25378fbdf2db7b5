// SPDX-License-Identifier: Apache-2.0

package stats

const (
	// bulk is the mean size of a message (bytes) from which the time in the
	// kernel's copy routines is that of the bytes, and not of being called.
	bulk = 16 << 10
	// enough samples of the kernel's copies tell their speed.
	enough = 30
)

// userBytes is what the target copied itself a request. Nothing counts that: a
// probe on memcpy would cost many times the copy, and see no inlined ones. Known
// is the CPU time of its copies, from user samples of n; the speed is not.
//
// It is no more than that time holds at the fastest that this machine copies: the
// upper end of the interval. The estimate takes the speed of the kernel's own
// copies in the same run, where these are of large messages: the same bytes, a
// little earlier. The interval's lower end has the lower end of the time's and of
// the speed's 95 % intervals. A target that copies a few bytes at a time is slower
// than the kernel and has moved less than that; nothing can be estimated where
// the kernel moves small messages, and the interval begins at 0.
func userBytes(user, kernel, n int64, m moved, spent Spent) (estimate *float64, ends *[2]float64) {
	if spent.CPU <= 0 || spent.Requests <= 0 || spent.Fastest <= 0 {
		return nil, nil
	}
	each := float64(spent.CPU) / float64(spent.Requests)
	time := wilson(float64(user), n)
	ends = &[2]float64{0, time[1] * each * spent.Fastest}
	if user == 0 || kernel < enough || m.moves == 0 || m.bytes < bulk*m.moves {
		return nil, ends
	}
	// Bytes that the kernel moves in as much time as all of the target has.
	moves := func(share float64) float64 { return float64(m.bytes) / share / float64(spent.Requests) }
	share := wilson(float64(kernel), n)
	got := float64(user) / float64(n) * moves(float64(kernel)/float64(n))
	ends[0] = time[0] * moves(share[1])
	ends[1] = max(ends[1], got)
	return &got, ends
}
