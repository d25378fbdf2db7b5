// SPDX-License-Identifier: Apache-2.0
// naughty: servers that do not do what they should, one for each --mode:
//
//   close      accepts and closes at once
//   garbage    answers each request with bytes that are no frame
//   silent     reads and never answers
//   exit       ends at request number --at, with its answer unsent
//   exec       becomes another program (sleep) at request number --at
//   fork       well-behaved; a child that holds all its descriptors and does nothing
//              is there from request number --at on
//   fragile    well-behaved, but dies of SIGPIPE when a client goes before its answer
//   chatty     well-behaved, but writes a line to standard output for each request
//   two        well-behaved, on PATH and on PATH.2
//   none       listens nowhere (PATH is not used)
//   drip       well-behaved, but sends each answer a byte at a time
//   half       answers every request with half a frame and closes
//   error      answers every request with a response error
//   strict     well-behaved, but exits with 3 when a client leaves a half-written frame
//
// --delay-us N: how long each answer takes (all modes that answer). It prints
// "ready pid=N socket=PATH" and ends with 0 on SIGTERM, or by the signal where a mode
// says so.
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>

#include "wire.h"

enum { MAX_CONNECTIONS = 1024, IN_CAP = MAX_FRAME };

struct connection {
	unsigned char *in;
	size_t len;
};

static struct pollfd polled[MAX_CONNECTIONS];
static struct connection conn[MAX_CONNECTIONS];
static nfds_t listeners, used;
static const char *mode = "", *path;
static unsigned long seq, at = 1, delay_us;

static bool is(const char *name)
{
	return strcmp(mode, name) == 0;
}

static void on_signal(int number)
{
	(void)number;
	if (path)
		unlink(path);
	_exit(0);
}

// put sends everything; a client that is gone is an error, or the end of a fragile
// server.
static int put(int fd, const unsigned char *p, size_t len)
{
	size_t once = is("drip") ? 1 : len;

	while (len > 0) {
		ssize_t n = send(fd, p, once < len ? once : len,
				 is("fragile") ? 0 : MSG_NOSIGNAL);

		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

// idle_child is there for 20 seconds at most, and not longer than its parent.
static void idle_child(void)
{
	pid_t child = fork();

	if (child < 0)
		die("fork");
	if (child > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(20);
	for (;;)
		pause();
}

static int answer(int fd, const unsigned char *request, uint32_t size)
{
	static const char broken[] =
	    "{\"ok\":false,\"error\":{\"code\":99,\"message\":\"naughty\"}}";
	static unsigned char frame[MAX_FRAME];
	unsigned char type = request[5];

	seq++;
	if (delay_us)
		usleep((useconds_t)delay_us);
	if (is("silent"))
		return 0;
	if (is("exit") && seq >= at) {
		unlink(path);
		exit(0);
	}
	if (is("exec") && seq >= at) {
		execlp("sleep", "sleep", "20", (char *)NULL);
		die("exec");
	}
	if (is("fork") && seq == at)
		idle_child();
	if (is("garbage"))
		return put(fd, (const unsigned char *)"HTTP/1.1 400 Bad Request\r\n\r\n",
			   28);
	if (is("chatty")) {
		printf("request %lu type 0x%02x bytes %u\n", seq, type, size);
		fflush(stdout);
	}
	if (is("error")) {
		frame_header(frame, HEADER + sizeof(broken) - 1, ERROR);
		memcpy(frame + HEADER, broken, sizeof(broken) - 1);
		return put(fd, frame, HEADER + sizeof(broken) - 1);
	}
	memcpy(frame, request, size);
	frame_header(frame, size,
		     type == PING	 ? PONG
		     : type == SUBSCRIBE ? COMPLETE
					 : OK);
	if (is("half")) {
		put(fd, frame, size / 2);
		return -1;
	}
	return put(fd, frame, size);
}

static int serve(struct connection *c, int fd)
{
	ssize_t n = recv(fd, c->in + c->len, IN_CAP - c->len, 0);

	if (n <= 0) {
		if (c->len && is("strict")) {
			fprintf(stderr, "naughty: a client left %zu bytes of a frame\n",
				c->len);
			exit(3);
		}
		return -1;
	}
	c->len += (size_t)n;
	while (c->len >= HEADER) {
		uint32_t size = frame_size(c->in);

		if (size < HEADER || size > MAX_FRAME) {
			fputs("naughty: the request is no frame\n", stderr);
			exit(4);
		}
		if (c->len < size)
			break;
		if (answer(fd, c->in, size) < 0)
			return -1;
		c->len -= size;
		memmove(c->in, c->in + size, c->len);
	}
	return 0;
}

static void admit(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (is("close") || used == MAX_CONNECTIONS) {
		close(fd);
		return;
	}
	conn[used].in = malloc(IN_CAP);
	conn[used].len = 0;
	if (!conn[used].in)
		die("malloc");
	polled[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void listen_at(const char *p)
{
	polled[used++] = (struct pollfd){.fd = listen_on(p), .events = POLLIN};
	listeners = used;
}

static void run(void)
{
	for (;;) {
		if (poll(polled, used, -1) < 0 && errno != EINTR)
			die("poll");
		for (nfds_t i = used; i-- > 0;) {
			if (!polled[i].revents)
				continue;
			if (i < listeners) {
				admit(polled[i].fd);
			} else if (serve(&conn[i], polled[i].fd) < 0) {
				close(polled[i].fd);
				free(conn[i].in);
				used--;
				polled[i] = polled[used];
				conn[i] = conn[used];
			}
		}
	}
}

static bool known(void)
{
	static const char *const modes[] = {
	    "close", "garbage", "silent", "exit",  "fragile", "chatty", "two",
	    "none",  "drip",	"half",	  "error", "strict",  "exec",	"fork"};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (is(modes[i]))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", 1, NULL, 's'},	{"mode", 1, NULL, 'm'}, {"at", 1, NULL, 'a'},
	    {"delay-us", 1, NULL, 'd'}, {NULL, 0, NULL, 0},
	};
	char second[256];
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 's':
			path = optarg;
			break;
		case 'm':
			mode = optarg;
			break;
		case 'a':
			at = strtoul(optarg, NULL, 10);
			break;
		case 'd':
			delay_us = strtoul(optarg, NULL, 10);
			break;
		default:
			mode = "";
		}
	}
	if (!known() || (!path && !is("none")) || optind < argc) {
		fputs("usage: naughty --mode MODE --socket PATH [--at REQUEST] "
		      "[--delay-us N]\n"
		      "  modes: close garbage silent exit fragile chatty two none drip "
		      "half error "
		      "strict exec fork\n",
		      stderr);
		return 2;
	}
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	if (!is("none"))
		listen_at(path);
	if (is("two")) {
		snprintf(second, sizeof(second), "%s.2", path);
		listen_at(second);
	}
	printf("ready pid=%d socket=%s\n", (int)getpid(), is("none") ? "none" : path);
	fflush(stdout);
	run();
}
