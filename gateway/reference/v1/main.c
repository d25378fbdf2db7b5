// SPDX-License-Identifier: Apache-2.0
// ipc-gateway-v1: the reference gateway, as gateways of this kind are built today. One
// thread polls up to 64 clients; a request is copied into fresh memory, parsed, handed to
// NATS, and its answer encoded into a buffer of 4 MiB on the stack.
//
// Standard output carries two lines: "ready pid=N socket=PATH" once it listens, and
// "done published=N" at its end. Exit codes: 0 ended by a signal, 1 failed while serving,
// 2 could not start.
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "options.h"
#include "server.h"

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

static int start(struct server *s, const struct options *o)
{
	struct rlimit stack;
	const char *why;

	if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur < 6u << 20) {
		fprintf(stderr,
			"ipc-gateway-v1: the stack is limited to %ju bytes and "
			"answers need 6 MiB: ulimit -s 8192\n",
			(uintmax_t)stack.rlim_cur);
		return -1;
	}
	s->signals = watch_signals();
	if (s->signals < 0) {
		fprintf(stderr, "ipc-gateway-v1: signalfd: %s\n", strerror(errno));
		return -1;
	}
	if (server_listen(s, o->socket) < 0)
		return -1;
	if (o->nats &&
	    upstream_open(s->upstream, o->nats, o->nats_timeout_ms, &why) < 0) {
		fprintf(stderr,
			"ipc-gateway-v1: cannot reach NATS at %s: %s; start one there or "
			"say --no-nats\n",
			o->nats, why);
		return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct server server;
	struct upstream upstream = {0};
	struct options options;
	int code;

	if (options_read(&options, argc, argv) < 0)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	if (options.help) {
		fputs(options_usage, stdout);
		return 0;
	}
	server.listener = -1;
	server.upstream = &upstream;
	for (int i = 0; i < MAX_CLIENTS; i++)
		client_init(&server.clients[i], -1);

	code = 2;
	if (start(&server, &options) == 0) {
		printf("ready pid=%d socket=%s\n", (int)getpid(), options.socket);
		fflush(stdout);
		code = server_run(&server) < 0 ? 1 : 0;
	}
	server_close(&server);
	upstream_close(&upstream);
	if (server.signals > 0)
		close(server.signals);
	if (code != 2)
		printf("done published=%" PRIu64 "\n", upstream.published);
	return code;
}
