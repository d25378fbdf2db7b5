// SPDX-License-Identifier: Apache-2.0

//go:build linux

package gateway

import (
	"maps"
	"testing"
)

func TestTCPListenersAreRead(t *testing.T) {
	const text = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:107E 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 0100007F:9C41 0100007F:107E 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1
   2: garbage
   3: nocolon 00000000:0000 0A 0 0 0 0 0 0 5 1
   4: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4713 1
`
	want := map[uint64]uint16{4711: 4222, 4713: 8080}
	if got := parseTCPListeners([]byte(text)); !maps.Equal(got, want) {
		t.Errorf("listeners %v, want %v", got, want)
	}
}

func FuzzTCPListeners(f *testing.F) {
	f.Add([]byte("0: 0:1 0:0 0A 0 0 0 0 0 7"))
	f.Fuzz(func(t *testing.T, text []byte) { parseTCPListeners(text) })
}
