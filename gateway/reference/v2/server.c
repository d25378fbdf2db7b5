// SPDX-License-Identifier: Apache-2.0
// The zero-copy build. A request stays where recv put it: it is decoded and its JSON
// judged there, and what is answered from it is sent from there. All whole frames of one
// recv are answered with one sendmsg; to NATS they go one after the other before the
// first answer is waited for.
#define _GNU_SOURCE
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dispatch.h"

const bool service_asap = true;

static struct client clients[MAX_CLIENTS];
static struct publisher publisher;
static bool opened;

// What ended a turn of answering.
enum turn {
	TURN_EMPTY, // no whole frame is left
	TURN_FULL,  // the batch is full, or the other clients have their turn
};

// answer puts answers into the batch: of whole frames, and of a subscription. *need is
// the length of the frame of which a part is there.
static enum turn answer(struct client *c, size_t *need)
{
	int frames = 0;

	*need = 0;
	while (!batch_full(&c->out) && !c->last) {
		struct ipc_message msg;
		struct ipc_fault fault;
		const unsigned char *bytes;
		size_t len;

		if (c->streaming) {
			if (frames++ == STREAM_TURN)
				return TURN_FULL;
			dispatch_stream(c);
			continue;
		}
		bytes = ring_bytes(&c->in, &len);
		switch (ipc_protocol_decode(bytes, len, &msg, need, &fault)) {
		case IPC_PARTIAL:
			return TURN_EMPTY;
		case IPC_BAD:
			dispatch_refuse(c, &fault);
			break;
		case IPC_WHOLE:
			ring_parse(&c->in, msg.frame_len);
			dispatch(c, &publisher, &msg);
			break;
		}
	}
	return TURN_FULL;
}

// serve answers the whole frames in the ring until the peer stops reading.
static enum client_state serve(struct client *c)
{
	enum turn turn = TURN_FULL;
	size_t need = 0;

	while (turn == TURN_FULL) {
		turn = answer(c, &need);
		nats_collect(&publisher, &c->out);
		if (client_send(c) == CLIENT_GONE)
			return CLIENT_GONE;
		if (client_blocked(c))
			return CLIENT_LIVES;
		if (c->last)
			return CLIENT_GONE;
		if (c->streaming)
			return CLIENT_LIVES; // it goes on when the socket takes more
	}
	return ring_reserve(&c->in, need) ? CLIENT_LIVES : CLIENT_GONE;
}

static void step(struct client *c)
{
	enum client_state state = CLIENT_LIVES;

	if (client_blocked(c)) {
		state = client_send(c);
		if (state == CLIENT_LIVES && client_blocked(c))
			return;
		if (c->last)
			state = CLIENT_GONE;
	} else if (!c->streaming) {
		state = client_receive(c);
	}
	if (state == CLIENT_LIVES)
		state = serve(c);
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
			client_open(&clients[i], fd);
			return;
		}
	}
	close(fd);
}

int service_open(struct service *s)
{
	const char *why;

	for (int i = 0; i < MAX_CLIENTS; i++)
		client_open(&clients[i], -1);
	opened = true;
	if (publisher_open(&publisher, s->upstream, &why) == 0)
		return 0;
	fprintf(stderr, GATEWAY_NAME ": cannot subscribe at NATS: %s\n", why);
	return -1;
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
				step(owner[i]);
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
	publisher_close(&publisher);
}
