// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dispatch.h"

// Requests leave through the NATS library's flusher thread, as it does by default.
const bool service_asap = false;

static struct client clients[MAX_CLIENTS];
static bool opened;

static enum client_state refuse(struct client *c, const struct ipc_fault *fault)
{
	c->last = true;
	return dispatch_fault(c, IPC_RESPONSE_ERROR, fault);
}

// serve answers the whole frames in the client's buffer until the peer stops reading.
static enum client_state serve(struct client *c, struct upstream *up)
{
	enum client_state state = CLIENT_LIVES;
	int turn = 0;

	while (state == CLIENT_LIVES && !client_blocked(c) && !c->last) {
		struct ipc_message msg;
		struct ipc_fault fault;
		size_t need;

		if (c->streaming) {
			if (turn++ == STREAM_TURN)
				return state;
			state = dispatch_stream(c);
			continue;
		}
		switch (ipc_protocol_decode(c->in, c->in_len, &msg, &need, &fault)) {
		case IPC_PARTIAL:
			return client_reserve(c, need);
		case IPC_BAD:
			state = refuse(c, &fault);
			break;
		case IPC_WHOLE:
			client_cut(c, msg.frame_len);
			state = dispatch(c, up, &msg);
			free(msg.payload);
			break;
		}
	}
	if (state == CLIENT_LIVES && c->last && !client_blocked(c))
		return CLIENT_GONE;
	return state;
}

static void step(struct client *c, struct upstream *up)
{
	enum client_state state;

	if (client_blocked(c))
		state = client_flush(c);
	else if (c->streaming)
		state = CLIENT_LIVES;
	else
		state = client_receive(c);
	if (state == CLIENT_LIVES)
		state = serve(c, up);
	if (state == CLIENT_GONE)
		client_close(c);
}

// admit takes one waiting connection; the 65th is closed at once.
static void admit(const struct service *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (clients[i].fd < 0) {
			client_init(&clients[i], fd);
			return;
		}
	}
	close(fd);
}

int service_open(struct service *s)
{
	struct rlimit stack;

	(void)s;
	for (int i = 0; i < MAX_CLIENTS; i++)
		client_init(&clients[i], -1);
	opened = true;
	if (getrlimit(RLIMIT_STACK, &stack) == 0 && stack.rlim_cur < 6u << 20) {
		fprintf(stderr,
			GATEWAY_NAME ": the stack is limited to %ju bytes and "
				     "answers need 6 MiB: ulimit -s 8192\n",
			(uintmax_t)stack.rlim_cur);
		return -1;
	}
	return 0;
}

int service_run(struct service *s)
{
	struct pollfd polled[MAX_CLIENTS + 2];
	struct client *owner[MAX_CLIENTS + 2];

	for (;;) {
		nfds_t n = 0;

		polled[n++] = (struct pollfd){.fd = s->signals, .events = POLLIN};
		polled[n++] = (struct pollfd){.fd = s->listener, .events = POLLIN};
		for (int i = 0; i < MAX_CLIENTS; i++) {
			struct client *c = &clients[i];
			bool sends = client_blocked(c) || c->streaming;

			if (c->fd < 0)
				continue;
			owner[n] = c;
			polled[n++] = (struct pollfd){.fd = c->fd,
						      .events = sends ? POLLOUT : POLLIN};
		}
		if (poll(polled, n, -1) < 0) {
			if (errno == EINTR)
				continue;
			fprintf(stderr, GATEWAY_NAME ": poll: %s\n", strerror(errno));
			return -1;
		}
		if (polled[0].revents)
			return 0;
		for (nfds_t i = 2; i < n; i++)
			if (polled[i].revents)
				step(owner[i], s->upstream);
		if (polled[1].revents)
			admit(s);
	}
}

void service_close(struct service *s)
{
	(void)s;
	for (int i = 0; opened && i < MAX_CLIENTS; i++)
		if (clients[i].fd >= 0)
			client_close(&clients[i]);
}
