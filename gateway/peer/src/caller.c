// SPDX-License-Identifier: Apache-2.0
// caller: a server whose only cost is many small system calls: it reads a request in
// pieces of a few bytes. With --batched it is the same server without that cost: one
// call reads what is there.
#define _GNU_SOURCE
#include "serve.h"

enum { SMALL = 8 };

static unsigned char payload[MAX_FRAME];
static int batched;

static int handle(int fd)
{
	unsigned char head[HEADER];
	uint32_t size;

	if (read_all(fd, head, HEADER, HEADER) < 0)
		return -1;
	size = frame_size(head);
	if (size < HEADER || size > MAX_FRAME ||
	    read_all(fd, payload, size - HEADER, batched ? MAX_FRAME : SMALL) < 0)
		return -1;
	return answer_empty(fd, head[5]);
}

int main(int argc, char **argv)
{
	serve(serve_path(argc, argv, "--batched", &batched), handle);
	return 0;
}
