// SPDX-License-Identifier: Apache-2.0
// The little that all test peers share: the frame's header, the clock, a listening
// socket.
#ifndef WIRE_H
#define WIRE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	HEADER = 6,
	MAX_FRAME = 4 << 20,
	VERSION = 1,
	SUBMIT = 0x01,
	SUBSCRIBE = 0x04,
	DATA = 0x05,
	COMPLETE = 0x06,
	OK = 0x10,
	ERROR = 0x11,
	PING = 0xF0,
	PONG = 0xF1,
	CAPS = 0xF2,
};

static inline uint32_t frame_size(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void frame_header(unsigned char *p, uint32_t size, unsigned char type)
{
	p[0] = (unsigned char)(size >> 24);
	p[1] = (unsigned char)(size >> 16);
	p[2] = (unsigned char)(size >> 8);
	p[3] = (unsigned char)size;
	p[4] = VERSION;
	p[5] = type;
}

// now_ns reads CLOCK_MONOTONIC, the clock that the kernel's probes read too.
static inline uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void die(const char *what)
{
	perror(what);
	exit(2);
}

static inline struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(a.sun_path)) {
		fprintf(stderr, "%s: the path is longer than 107 bytes\n", path);
		exit(2);
	}
	strcpy(a.sun_path, path);
	return a;
}

// open_socket binds a socket of a type in place of whatever is at path, a test's own
// folder. One with connections does not block; one of datagrams does.
static inline int open_socket(const char *path, int type)
{
	struct sockaddr_un a = address_of(path);
	int flags = SOCK_CLOEXEC | (type == SOCK_DGRAM ? 0 : SOCK_NONBLOCK);
	int fd = socket(AF_UNIX, type | flags, 0);

	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    (type != SOCK_DGRAM && listen(fd, SOMAXCONN) < 0))
		die(path);
	return fd;
}

static inline int listen_on(const char *path)
{
	return open_socket(path, SOCK_STREAM);
}

#endif
