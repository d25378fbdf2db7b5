// SPDX-License-Identifier: Apache-2.0

// Package trace draws the slowest requests of a run as timelines: trace.json, in
// the JSON of Chrome's trace events, which ui.perfetto.dev and chrome://tracing
// open.
//
// Each request is a process of its own in the picture, with tracks for the client,
// the socket, the server's thread on and off the CPU, its system calls, and what it
// waited for upstream. A Collector keeps the slowest requests of all slices with
// what was sampled of their threads meanwhile; Write draws them.
//
// Only what was seen at a known time has a place. Of what is known by its length
// alone (CPU time inside a service time, say) the length stands in the arguments
// of the slice that holds it; no position is made up.
//
// The format: "Trace Event Format", Google, 2016 (the JSON object form).
package trace
