// SPDX-License-Identifier: Apache-2.0
// copier: a server whose only cost is copying: what it reads it hands from buffer to
// buffer before it answers. With --zero-copy it is the same server without that cost: the
// payload goes from the socket into a pipe and away, and is never touched.
#define _GNU_SOURCE
#include <fcntl.h>

#include "serve.h"

enum { COPIES = 3, PIECE = 256 << 10 };

static unsigned char buffers[COPIES + 1][MAX_FRAME];
static int sewer[2], nowhere, zero_copy;

static int copy(int fd, size_t len)
{
	if (read_all(fd, buffers[0], len, PIECE) < 0)
		return -1;
	for (int i = 0; i < COPIES; i++) {
		memcpy(buffers[i + 1], buffers[i], len);
		__asm__ volatile("" ::: "memory");
	}
	return 0;
}

static int pass(int fd, size_t len)
{
	while (len > 0) {
		ssize_t n = splice(fd, NULL, sewer[1], NULL, len, SPLICE_F_MOVE);

		if (n <= 0)
			return -1;
		len -= (size_t)n;
		while (n > 0) {
			ssize_t gone = splice(sewer[0], NULL, nowhere, NULL, (size_t)n,
					      SPLICE_F_MOVE);

			if (gone <= 0)
				return -1;
			n -= gone;
		}
	}
	return 0;
}

static int handle(int fd)
{
	unsigned char head[HEADER];
	uint32_t size;

	if (read_all(fd, head, HEADER, HEADER) < 0)
		return -1;
	size = frame_size(head);
	if (size < HEADER || size > MAX_FRAME ||
	    (zero_copy ? pass : copy)(fd, size - HEADER) < 0)
		return -1;
	return answer_empty(fd, head[5]);
}

int main(int argc, char **argv)
{
	const char *path = serve_path(argc, argv, "--zero-copy", &zero_copy);

	nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (pipe2(sewer, O_CLOEXEC) < 0 || nowhere < 0)
		die("pipe");
	fcntl(sewer[0], F_SETPIPE_SZ, 1 << 20);
	serve(path, handle);
	return 0;
}
