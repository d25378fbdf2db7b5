// SPDX-License-Identifier: Apache-2.0

// Package gateway is the system under test seen from outside: which process it
// is, on which Unix sockets it listens, what memory and CPU time it uses, and
// when it ends. Everything here comes from /proc, from pidfds and from the
// socket files; nothing is injected into the target and nothing is loaded into
// the kernel.
//
// A measurement passes through this room like this:
//
//	Inspect or Start    a Target: one process, identified beyond its number
//	Sockets, Choose     the one listening stream socket to send load to
//	LoadUsers           under which user to send it
//	Watch               when the target ends, and how
//	OpenClock           its CPU time at each slice's start and end
//	StartSampler        its resident memory before, during and after
//	StartPlacement      on which CPUs target and generator were seen
//	ReadEnvironment     the machine under both
//
// The protocols that gateways speak are in gateway/wire, the reference gateway
// in gateway/reference. What fails because of what the user named is an *Error:
// one message that says what was tried, what the system said and what to do.
//
// The parsers of this package read text that an unprivileged stranger can shape
// (the name of a process, the name of a socket) and never trust it to be tame.
package gateway
