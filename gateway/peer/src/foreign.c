// SPDX-License-Identifier: Apache-2.0
// foreign: somebody else's gateway, written without a look at the reference. It does what
// the protocol's page says of real ones, warts included: one thread and one table of
// clients, SIGPIPE not ignored (a client that leaves before its answer ends the process),
// a line on standard output for each request and for who leaves within one, a ping
// answered with response OK, an answer assembled in 4 MiB of stack. Built stripped and
// without frame pointers.
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <arpa/inet.h>

#define LIMIT (4 * 1024 * 1024)

typedef struct {
	char *data;
	size_t fill, room;
} Buffer;

static struct pollfd table[65];
static Buffer buffers[65];
static volatile sig_atomic_t stop;

static void halt(int sig)
{
	(void)sig;
	stop = 1;
}

static bool reply(int fd, int type, const char *body, size_t n)
{
	char frame[LIMIT];
	uint32_t len = htonl((uint32_t)(n + 6));
	size_t done = 0;

	memcpy(frame, &len, 4);
	frame[4] = 1;
	frame[5] = (char)type;
	memcpy(frame + 6, body, n);
	while (done < n + 6) {
		ssize_t w = write(fd, frame + done, n + 6 - done);

		if (w < 0)
			return false;
		done += (size_t)w;
	}
	return true;
}

static bool refuse(int fd, int code, const char *why)
{
	char body[160];
	int n = snprintf(body, sizeof body,
			 "{\"ok\":false,\"error\":{\"code\":%d,\"message\":\"%s\"}}",
			 code, why);

	reply(fd, 0x11, body, (size_t)n);
	return false;
}

// looks_json is as far as this gateway parses: an object or nothing at all.
static bool looks_json(const char *p, size_t n)
{
	return n == 0 || (p[0] == '{' && p[n - 1] == '}');
}

static bool handle(int fd, int type, const char *frame_body, size_t n)
{
	char *body = malloc(n + 1);
	bool ok = false;

	if (!body)
		return false;
	memcpy(body, frame_body, n);
	body[n] = 0;
	printf("[gw] fd=%d type=0x%02X len=%zu\n", fd, type, n);
	fflush(stdout);
	if (type == 0xF0) {
		ok = reply(fd, 0x10, "{\"ok\":true}", 11);
	} else if (type == 0xF2) {
		ok = reply(fd, 0xF2, "{\"streams\":true}", 16);
	} else if (type == 0x04) {
		ok = reply(fd, 0x05, "{\"n\":1}", 7) && reply(fd, 0x05, "{\"n\":2}", 7) &&
		     reply(fd, 0x06, "{}", 2);
	} else if (type < 0x01 || type > 0x04) {
		ok = refuse(fd, 2, "unsupported type");
	} else if (!looks_json(body, n)) {
		ok = refuse(fd, 4, "bad payload");
	} else {
		ok = reply(fd, 0x10, body, n);
	}
	free(body);
	return ok;
}

static bool grow(Buffer *b, size_t need)
{
	char *p;

	if (need <= b->room)
		return true;
	p = realloc(b->data, need);
	if (!p)
		return false;
	b->data = p;
	b->room = need;
	return true;
}

static bool readable(int fd, Buffer *b)
{
	ssize_t got;

	if (!grow(b, b->fill + 4096 > LIMIT ? LIMIT : b->fill + 4096))
		return false;
	got = recv(fd, b->data + b->fill, b->room - b->fill, 0);
	if (got <= 0)
		return false;
	b->fill += (size_t)got;
	while (b->fill >= 6) {
		uint32_t len;

		memcpy(&len, b->data, 4);
		len = ntohl(len);
		if (b->data[4] != 1)
			return refuse(fd, 1, "version");
		if (len > LIMIT)
			return refuse(fd, 3, "too large");
		if (len < 6)
			return refuse(fd, 4, "length");
		if (b->fill < len)
			return grow(b, len);
		if (!handle(fd, (unsigned char)b->data[5], b->data + 6, len - 6))
			return false;
		b->fill -= len;
		memmove(b->data, b->data + len, b->fill);
	}
	return true;
}

static void newcomer(int listener)
{
	int fd = accept(listener, NULL, NULL);

	for (int i = 1; fd >= 0 && i < 65; i++) {
		if (table[i].fd < 0) {
			table[i].fd = fd;
			return;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void leave(int i)
{
	if (buffers[i].fill && !stop) {
		printf("[gw] fd=%d left within a frame\n", table[i].fd);
		fflush(stdout);
	}
	close(table[i].fd);
	table[i].fd = -1;
	free(buffers[i].data);
	buffers[i] = (Buffer){0};
}

int main(int argc, char **argv)
{
	struct sockaddr_un where = {.sun_family = AF_UNIX};
	struct sigaction act = {.sa_handler = halt};

	if (argc != 2 || strlen(argv[1]) >= sizeof where.sun_path) {
		fprintf(stderr, "usage: foreign PATH\n");
		return 2;
	}
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	strcpy(where.sun_path, argv[1]);
	unlink(argv[1]);
	for (int i = 0; i < 65; i++)
		table[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	table[0].fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(table[0].fd, (struct sockaddr *)&where, sizeof where) ||
	    listen(table[0].fd, 64)) {
		perror(argv[1]);
		return 1;
	}
	puts("[gw] listening");
	fflush(stdout);
	while (!stop) {
		if (poll(table, 65, -1) < 1)
			continue;
		for (int i = 1; i < 65; i++)
			if (table[i].fd >= 0 && table[i].revents &&
			    !readable(table[i].fd, &buffers[i]))
				leave(i);
		if (table[0].revents)
			newcomer(table[0].fd);
	}
	for (int i = 1; i < 65; i++)
		if (table[i].fd >= 0)
			leave(i);
	unlink(argv[1]);
	return 0;
}
