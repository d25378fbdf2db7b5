// SPDX-License-Identifier: Apache-2.0
// The reference gateway's start and end; serving is each build's own (service.h).
//
// Standard output carries two lines: "ready pid=N socket=PATH" once it listens, and
// "done published=N" at its end. Exit codes: 0 ended by a signal, 1 failed while serving,
// 2 could not start.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "listen.h"
#include "options.h"
#include "service.h"

// watch_signals turns SIGTERM and SIGINT into a readable descriptor. It comes before the
// first thread of the NATS library, so that none of them is ever interrupted.
static int watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int start(struct service *s, const struct options *o)
{
	const char *why;

	s->signals = watch_signals();
	if (s->signals < 0) {
		fprintf(stderr, GATEWAY_NAME ": signalfd: %s\n", strerror(errno));
		return -1;
	}
	s->listener = listen_on(o->socket);
	if (s->listener < 0)
		return -1;
	s->upstream->timeout_ms = o->nats_timeout_ms;
	if (o->nats && upstream_open(s->upstream, o->nats, service_asap, &why) < 0) {
		fprintf(
		    stderr,
		    GATEWAY_NAME
		    ": cannot reach NATS at %s: %s; start one there or say --no-nats\n",
		    o->nats, why);
		return -1;
	}
	return service_open(s);
}

int main(int argc, char **argv)
{
	struct upstream upstream = {0};
	struct service service = {.listener = -1, .signals = -1, .upstream = &upstream};
	struct options options;
	int code = 2;

	if (options_read(&options, argc, argv) < 0)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	if (options.help) {
		fputs(options_usage, stdout);
		return 0;
	}
	if (start(&service, &options) == 0) {
		printf("ready pid=%d socket=%s\n", (int)getpid(), options.socket);
		fflush(stdout);
		code = service_run(&service) < 0 ? 1 : 0;
	}
	service_close(&service);
	if (service.listener >= 0) {
		close(service.listener);
		unlink(options.socket);
	}
	upstream_close(&upstream);
	if (service.signals >= 0)
		close(service.signals);
	if (code != 2)
		printf("done published=%" PRIu64 "\n", upstream.published);
	return code;
}
