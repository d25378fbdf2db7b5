// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
)

// Ports lists the TCP ports on which the target listens, in rising order:
// connections on them were accepted, any other TCP connection of the target's
// was opened by it. Errors are *Error: Ended, Forbidden.
func (t *Target) Ports(ctx context.Context) ([]uint16, error) {
	tried := fmt.Sprintf("find the TCP ports of process %d (%s)", t.PID, Printable(t.Name))
	held, err := socketInodes(ctx, t.PID)
	if err != nil {
		return nil, t.endedOr(tried, err)
	}
	var ports []uint16
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		text, err := readProc(t.PID, name)
		if err != nil {
			continue // a kernel without IPv6 has no tcp6
		}
		for inode, port := range parseTCPListeners(text) {
			if _, ours := held[inode]; ours {
				ports = append(ports, port)
			}
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

// parseTCPListeners reads /proc/PID/net/tcp or tcp6: the ports of sockets in
// state LISTEN, by inode. Lines that are none are passed over.
func parseTCPListeners(text []byte) map[uint64]uint16 {
	const listen = "0A"
	ports := make(map[uint64]uint16)
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) < 10 || string(fields[3]) != listen {
			continue
		}
		colon := bytes.LastIndexByte(fields[1], ':')
		if colon < 0 {
			continue
		}
		port, err := strconv.ParseUint(string(fields[1][colon+1:]), 16, 16)
		if err != nil {
			continue
		}
		inode, err := strconv.ParseUint(string(fields[9]), 10, 64)
		if err != nil {
			continue
		}
		ports[inode] = uint16(port)
	}
	return ports
}
