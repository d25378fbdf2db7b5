// SPDX-License-Identifier: Apache-2.0
// The file that stampserver writes: a stamp_file, then its count of stamps, in the order
// in which the requests were answered. Host byte order, no padding.
#ifndef STAMPS_H
#define STAMPS_H

#include <stdint.h>

#define STAMP_MAGIC   0x504d415453435049ull // "IPCSTAMP"
#define STAMP_VERSION 1

enum { STAMP_PAUSED = 1, STAMP_STALLED = 2 };

struct stamp_file {
	uint64_t magic;
	uint32_t version;
	uint32_t record_bytes;
	uint64_t count;
	uint64_t lost; // requests answered for which there was no room
};

struct stamp {
	uint64_t received_ns; // the recv that took the request's last byte has returned
	uint64_t sending_ns;  // the send that carries the answer's last byte begins
	uint64_t
	    in_end; // bytes of the connection up to the request's last, requests only
	uint64_t out_end;    // the same of the answers
	uint64_t cookie;     // SO_COOKIE of the server's end of the connection
	uint32_t connection; // number of the connection in the order of accept, from 0
	uint32_t flags;	     // STAMP_PAUSED, STAMP_STALLED
};

#endif
