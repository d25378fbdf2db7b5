// SPDX-License-Identifier: Apache-2.0

// Package peer builds and starts, for tests, the programs that stand on the other
// end of a socket: the C peers in src (a plain client, a server that logs its own
// stamps, servers that misbehave, a gateway of foreign make) and the reference
// gateway. It needs make and a C compiler; the reference gateway needs jansson
// and libnats besides.
//
// A test that cannot build a peer is skipped, with the compiler's words, unless
// IPCPROBE_REQUIRE_KERNEL=1 says that this machine has to have everything.
package peer
