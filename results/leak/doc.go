// SPDX-License-Identifier: Apache-2.0

// Package leak tells a leak from memory that is merely kept. It sees looks at
// what a process retains (its resident set, or its live heap) beside the number of
// requests that were answered by then, and regresses the one on the other.
//
// What counts is the lower envelope: at each request, the least that the process
// held from there on. Garbage that is collected later, buffers in flight and
// connections that close again are not in it. After a warm-up it is cut into
// stretches of equally many requests. A leak grows in nearly all of them, at the
// same pace in the second half as in the first, and is still growing at the end;
// a pool that fills, a cache that reaches its bound, a buffer that doubles and
// arenas that are kept after a burst each fail one of these.
//
// The verdict is none, leak or inconclusive: too few requests, growth that slows
// down but has not ended, or noise. Nothing here reads a clock or a process.
package leak
