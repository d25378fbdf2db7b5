// SPDX-License-Identifier: Apache-2.0

// Package compare says whether build B is slower or faster than build A, and how
// sure that is. It is arithmetic on figures that others have measured.
//
// The unit of evidence is a quad: four slices in the order ABBA or BAAB, with both
// builds alive and freshly started, and one under load at a time. What drifts
// evenly through a quad cancels in it, and what differs from one start of a program
// to the next is part of the noise that is seen. Some quads compare A with itself.
//
//	Layout    the order of quads and slices, by a seeded coin
//	Quads     metrics of what was measured in quads
//	Runs      metrics of two stored runs, which is weaker evidence
//	Judge     the verdicts, and the one in all
//	Differ    why two stored runs are not to be compared
//	Explain   a change of time in words of counters
//
// The effect of a quad is the log of B over A, of a quantile of both slices' merged
// histogram. Point and interval are given by a Locate, stats.Location: Hodges and Lehmann's
// estimate, and the centres that an exact sign-flip test of the signed ranks does
// not reject at 5 %.
package compare
