// SPDX-License-Identifier: Apache-2.0

// Package record writes and reads records: files with every request of a load,
// as `ipcprobe load --record` keeps them. docs/record-format.md describes the
// format for other programs.
//
//	Writer      appends blocks: connections, requests, slices, an end
//	Reader      gives the blocks back, one after the other, and bounds them
//	Load        makes of a whole record the slices that the load had measured
//
// A record that was cut off is read up to its last whole block. Everything in a
// record may be a lie: nothing of it is trusted to size memory or to be a path.
package record
