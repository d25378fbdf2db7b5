// SPDX-License-Identifier: Apache-2.0

// Package load is the client's view of a measurement: it drives a server on a
// Unix socket and writes down, request by request, when each should have
// started, when it was sent and when its answer was whole.
//
// The way through the package:
//
//	Options     what the user asked for, checked
//	Schedule    when request k is due: a pure function of the seed
//	worker      one locked thread: epoll, raw sockets, no allocation a request
//	engine      the workers of a process, and the slices of a run
//	Serve       an engine that obeys a parent over an inherited descriptor
//	Generator   the parent's end: Spawn, Ready, Begin, Sync, End, Stop
//	Run         an engine and a Generator in one process, for use alone
//
// A run's generator is a child without privileges, so that the answers of a
// server nobody trusts are parsed by a process that owns nothing. It never
// closes a connection that is owed an answer (up to the timeout) and never
// leaves half a frame behind: some servers die of it.
//
// All times are CLOCK_MONOTONIC nanoseconds. This package knows sockets, time
// and the codec of gateway/wire; it knows nothing of the kernel's view, and
// never reads /proc.
package load
