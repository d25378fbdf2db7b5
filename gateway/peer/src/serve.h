// SPDX-License-Identifier: Apache-2.0
// A server of one thread that takes one request at a time: poll, then a function that
// reads a whole request and answers it. At its end it prints what it has used, by its own
// account.
#ifndef SERVE_H
#define SERVE_H

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#include "wire.h"

enum { SERVED_CONNECTIONS = 64 };

static volatile sig_atomic_t serve_ended;

static void serve_stop(int number)
{
	(void)number;
	serve_ended = 1;
}

// read_all reads exactly len bytes, in pieces of at most most; -1: the peer is gone.
static int read_all(int fd, unsigned char *p, size_t len, size_t most)
{
	while (len > 0) {
		ssize_t n = recv(fd, p, len < most ? len : most, 0);

		if (n <= 0 && !(n < 0 && errno == EINTR && !serve_ended))
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int write_all(int fd, const unsigned char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

// answer_empty says OK without a payload.
static int answer_empty(int fd, unsigned char type)
{
	unsigned char answer[HEADER];

	frame_header(answer, HEADER, type == PING ? PONG : type == CAPS ? CAPS : OK);
	return write_all(fd, answer, HEADER);
}

// serve answers until SIGTERM or SIGINT; handle takes one request off fd, and gives -1
// when the connection is over.
static void serve(const char *path, int (*handle)(int fd))
{
	struct sigaction stop = {.sa_handler = serve_stop};
	struct pollfd polled[SERVED_CONNECTIONS + 1];
	unsigned long requests = 0;
	struct rusage used;
	sigset_t heard, none;
	nfds_t count = 1;

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	/* Signals are let in while it waits, and at no other time: none is missed. */
	sigemptyset(&none);
	sigemptyset(&heard);
	sigaddset(&heard, SIGTERM);
	sigaddset(&heard, SIGINT);
	sigprocmask(SIG_BLOCK, &heard, NULL);
	polled[0] = (struct pollfd){.fd = listen_on(path), .events = POLLIN};
	printf("ready pid=%d socket=%s\n", (int)getpid(), path);
	fflush(stdout);
	while (!serve_ended) {
		if (ppoll(polled, count, NULL, &none) < 0)
			continue;
		for (nfds_t i = count - 1; i > 0; i--) {
			if (!polled[i].revents)
				continue;
			if (handle(polled[i].fd) == 0) {
				requests++;
				continue;
			}
			close(polled[i].fd);
			polled[i] = polled[--count];
		}
		if (polled[0].revents && count <= SERVED_CONNECTIONS) {
			int fd = accept4(polled[0].fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				polled[count++] =
				    (struct pollfd){.fd = fd, .events = POLLIN};
		}
	}
	unlink(path);
	getrusage(RUSAGE_SELF, &used);
	printf("done requests=%lu user_us=%ld kernel_us=%ld\n", requests,
	       used.ru_utime.tv_sec * 1000000L + used.ru_utime.tv_usec,
	       used.ru_stime.tv_sec * 1000000L + used.ru_stime.tv_usec);
}

// serve_path finds --socket PATH and sets *flag for the one other option there is.
static const char *serve_path(int argc, char **argv, const char *option, int *flag)
{
	const char *path = NULL;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--socket") && i + 1 < argc)
			path = argv[++i];
		else if (option && !strcmp(argv[i], option))
			*flag = 1;
		else
			path = NULL, i = argc;
	}
	if (path)
		return path;
	fprintf(stderr, "usage: %s --socket PATH%s%s%s\n", argv[0], option ? " [" : "",
		option ? option : "", option ? "]" : "");
	exit(2);
}

#endif
