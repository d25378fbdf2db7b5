// SPDX-License-Identifier: Apache-2.0

// Package wire speaks the protocols of servers on Unix sockets, as a client
// does: it encodes requests and finds the answers in what comes back.
//
// A Codec holds no state of a connection. What must be remembered between two
// reads stands in a Cursor, a plain value that the caller keeps for each
// connection and never looks into. A codec takes bytes off the head of the
// caller's buffer as soon as it can, so a buffer of HeadMax bytes is enough for
// answers of any size. Nothing here does I/O, keeps time or allocates on the
// way of a request, every length is bounded before it is believed, and any
// bytes at all yield an answer, a request for more, or an error.
//
// Parse turns the name a user gives (--protocol) into a Codec; Payload makes the
// default request body of an exact size.
package wire
