// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dispatch.h"

// Frames of a subscription sent before the other clients get their turn.
enum { STREAM_TURN = 64 };

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
static void admit(struct server *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (s->clients[i].fd < 0) {
			client_init(&s->clients[i], fd);
			return;
		}
	}
	close(fd);
}

int server_run(struct server *s)
{
	struct pollfd polled[MAX_CLIENTS + 2];
	struct client *owner[MAX_CLIENTS + 2];

	for (;;) {
		nfds_t n = 0;

		polled[n++] = (struct pollfd){.fd = s->signals, .events = POLLIN};
		polled[n++] = (struct pollfd){.fd = s->listener, .events = POLLIN};
		for (int i = 0; i < MAX_CLIENTS; i++) {
			struct client *c = &s->clients[i];
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
			fprintf(stderr, "ipc-gateway-v1: poll: %s\n", strerror(errno));
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

void server_close(struct server *s)
{
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (s->clients[i].fd >= 0)
			client_close(&s->clients[i]);
	if (s->listener >= 0)
		close(s->listener);
	if (s->path)
		unlink(s->path);
	s->listener = -1;
	s->path = NULL;
}
