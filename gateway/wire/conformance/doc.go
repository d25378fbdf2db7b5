// SPDX-License-Identifier: Apache-2.0

// Package conformance checks that a gateway behind a Unix socket speaks the ipc
// protocol: every type, every error, many clients, the largest frames, and bytes
// that arrive in any division. Run is called from the test of a gateway; what
// gateways may do differently is said in Gateway.
package conformance
