// SPDX-License-Identifier: Apache-2.0
// growth: a server of the ipc protocol whose memory grows in a known way (growthmodes.h).
// Beside it ten healthy sites take and give back blocks in each request. One thread
// polls; it answers each request with its own payload.
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>

#include "growthmodes.h"
#include "wire.h"

enum { CONNECTIONS = 256, SITES = 10 };

struct connection {
	unsigned char *in;
	size_t len, cap;
};

static struct pollfd polled[CONNECTIONS + 1]; // [0] is the listener
static struct connection conns[CONNECTIONS + 1];
static nfds_t used = 1;
static volatile sig_atomic_t ended;
static struct growth growth = {.size = 128,
			       .every = 1,
			       .bound = 1000,
			       .hold_ns = 50000000,
			       .random = 88172645463325252u};
static const struct mode *mode = &modes[0];
static uint64_t requests;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

// churn is what a healthy server does: blocks that live for a request.
static void churn(void)
{
	void *blocks[SITES];

	for (int i = 0; i < SITES; i++)
		blocks[i] = touched((size_t)16 << i);
	for (int i = 0; i < SITES; i++)
		free(blocks[i]);
}

static int answer(int fd, unsigned char *frame, uint32_t size)
{
	unsigned char type = frame[5] == PING ? PONG : OK;

	churn();
	mode->keep(&growth, requests++);
	frame_header(frame, size, type);
	for (uint32_t done = 0; done < size;) {
		ssize_t n = send(fd, frame + done, size - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0)
			done += (uint32_t)n;
	}
	return 0;
}

static int serve(struct connection *c, int fd)
{
	ssize_t n;

	if (c->cap - c->len < 4096) {
		c->cap += 64 << 10;
		c->in = realloc(c->in, c->cap);
		if (!c->in)
			abort();
	}
	n = recv(fd, c->in + c->len, c->cap - c->len, MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	c->len += (size_t)n;
	while (c->len >= HEADER) {
		uint32_t size = frame_size(c->in);

		if (size < HEADER || size > MAX_FRAME || c->in[4] != VERSION)
			return -1;
		if (c->len < size)
			return 0;
		if (answer(fd, c->in, size) < 0)
			return -1;
		c->len -= size;
		memmove(c->in, c->in + size, c->len);
	}
	return 0;
}

static void admit(void)
{
	int fd = accept4(polled[0].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (used > CONNECTIONS) {
		close(fd);
		return;
	}
	conns[used] = (struct connection){0};
	polled[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void drop(nfds_t i)
{
	close(polled[i].fd);
	free(conns[i].in);
	used--;
	polled[i] = polled[used];
	conns[i] = conns[used];
}

static uint64_t number(const char *text)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*end || end == text || text[0] == '-') {
		fprintf(stderr, "growth: %s is not a number\n", text);
		exit(2);
	}
	return v;
}

static const char *options(int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", 1, NULL, 's'},  {"mode", 1, NULL, 'm'},	 {"size", 1, NULL, 'z'},
	    {"every", 1, NULL, 'e'},   {"bound", 1, NULL, 'b'},	 {"at", 1, NULL, 'a'},
	    {"hold-ms", 1, NULL, 'h'}, {"before", 1, NULL, 'B'}, {NULL, 0, NULL, 0},
	};
	const char *path = NULL, *wanted = "nothing";
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 's':
			path = optarg;
			break;
		case 'm':
			wanted = optarg;
			break;
		case 'z':
			growth.size = number(optarg);
			break;
		case 'e':
			growth.every = number(optarg);
			break;
		case 'b':
			growth.bound = number(optarg);
			break;
		case 'a':
			growth.at = number(optarg);
			break;
		case 'h':
			growth.hold_ns = number(optarg) * 1000000;
			break;
		case 'B': // so much at once, before anything is answered
			spike(number(optarg), 0);
			break;
		default:
			exit(2);
		}
	}
	mode = NULL;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(modes[i].name, wanted))
			mode = &modes[i];
	if (!path || !mode || optind < argc || !growth.every || !growth.bound) {
		fputs("usage: growth --socket PATH [--mode MODE] [--size N] [--every N]\n"
		      "  [--bound N] [--at REQUEST] [--hold-ms N] [--before N]\n",
		      stderr);
		exit(2);
	}
	return path;
}

int main(int argc, char **argv)
{
	struct sigaction stop = {.sa_handler = on_signal};
	const char *path = options(argc, argv);

	growth.held = calloc(growth.bound + 1, sizeof(*growth.held));
	if (!growth.held)
		die("calloc");
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	polled[0] = (struct pollfd){.fd = listen_on(path), .events = POLLIN};
	printf("ready pid=%d socket=%s\n", (int)getpid(), path);
	fflush(stdout);
	while (!ended) {
		if (poll(polled, used, -1) < 0 && errno != EINTR)
			die("poll");
		if (ended)
			break;
		for (nfds_t i = used - 1; i > 0; i--)
			if (polled[i].revents && serve(&conns[i], polled[i].fd) < 0)
				drop(i);
		if (polled[0].revents)
			admit();
	}
	unlink(path);
	printf("done requests=%lu\n", requests);
	return 0;
}
