// SPDX-License-Identifier: Apache-2.0

// Package report renders a measurement. It is the last stage of the house and
// the only one that rounds, colours or words anything:
//
//	Text      the report at a terminal
//	Markdown  the same report as report.md
//	JSON      the same measurement as result.json; store.Decode reads it back
//	HLog      latency.hlog, the latencies interval by interval
//	HGrm      latency.hgrm, the latencies by percentile
//	LoadText  the client's part alone
//	Doctor    what this machine allows
//	Progress  the one line that moves while a run lasts
//
// Text and Markdown are two layouts of one document, so they can't disagree:
// compose.go makes sections of a results.Result, each from its own file, and
// text.go and markdown.go lay them out. A part that is nil is said to be not
// measured, with the reason where the result tells it; a percentile that is nil
// prints as a dash. Nothing is filled in.
//
// Names and messages of the target pass through clean before they reach any
// layout, so no control character, escape sequence or change of writing
// direction in them reaches a terminal.
package report
