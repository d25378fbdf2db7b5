// SPDX-License-Identifier: Apache-2.0

// Package join brings the two views of a request together: what the client
// recorded (results.Request) and what the kernel saw of the same bytes
// (results.Observation).
//
// A stream socket keeps order, so a request is named by the position of its
// last byte in the stream, and its answer by the position of its own last byte.
// The client knows these positions exactly. The kernel keeps a cursor per
// socket and kind of event, which starts wherever the probes first saw the
// socket. At an instant of rest nothing is under way on a connection: there each
// kernel cursor stands at a position the client knows, and the constant between
// the two counts follows. A results.Sync is such an instant, made for the join;
// others show in the client's records. Nothing is parsed and nothing is guessed
// from timing.
//
// The rule of the package is that a wrong leg is worse than a missing one. A
// request whose last byte fell into a lost event, or whose stamps are in an
// order that cannot have happened, is counted as unmatched with the reason. A
// connection whose anchor is in doubt gives no legs at all.
//
// It is the stage between load and loader on the one side and results/stats on
// the other: a slice at a time, in memory that is reused from slice to slice.
package join
