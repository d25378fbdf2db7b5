// SPDX-License-Identifier: Apache-2.0

package stats

import "github.com/ipcprobe/ipcprobe/results"

// CPU says what the target spent in the slices of one mode, from its clocks at
// their ends. Time is the scheduler's exact sum; its division into user and
// kernel follows the ratio of utime and stime, which the kernel samples. A request
// counts when an answer to it came, good or not; without any, NsPerRequest is 0.
// Samples, stacks and functions are left to the caller. Nil when no slice has
// two readings of the clocks.
func CPU(slices []results.Slice, mode results.Mode) *results.CPU {
	var wall, total, user, kernel, requests int64
	for i := range slices {
		s := &slices[i]
		if s.Mode != mode || !clocked(s) {
			continue
		}
		begin, end := s.TargetCPU[0], s.TargetCPU[1]
		wall += end.At - begin.At
		total += end.Total - begin.Total
		user += max(0, end.User-begin.User)
		kernel += max(0, end.Kernel-begin.Kernel)
		requests += answers(s)
	}
	if wall <= 0 {
		return nil
	}
	c := &results.CPU{UtilisationPct: 100 * float64(total) / float64(wall)}
	if split := user + kernel; split > 0 {
		c.UserPct = c.UtilisationPct * float64(user) / float64(split)
		c.KernelPct = c.UtilisationPct * float64(kernel) / float64(split)
	}
	if requests > 0 {
		c.NsPerRequest = float64(total) / float64(requests)
	}
	return c
}

// clocked tells whether the target's clocks were read at both ends of a slice.
func clocked(s *results.Slice) bool {
	return s.TargetCPU[0].At > 0 && s.TargetCPU[1].At > s.TargetCPU[0].At &&
		s.TargetCPU[1].Total >= s.TargetCPU[0].Total
}

// answers is how many requests were answered in a slice.
func answers(s *results.Slice) int64 {
	c := s.Counts()
	return c.OK + c.Error
}

// nsPerRequest is the target's CPU time for each answer of a slice; ok is false
// when the clocks or the answers are missing.
func nsPerRequest(s *results.Slice) (ns float64, ok bool) {
	n := answers(s)
	if !clocked(s) || n == 0 || s.TargetCPU[1].Total == s.TargetCPU[0].Total {
		return 0, false
	}
	return float64(s.TargetCPU[1].Total-s.TargetCPU[0].Total) / float64(n), true
}
