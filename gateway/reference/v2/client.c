// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void client_open(struct client *c, int fd)
{
	c->fd = fd;
	c->stream_left = c->stream_seq = 0;
	c->streaming = c->last = false;
}

enum client_state client_receive(struct client *c)
{
	unsigned char *room;
	size_t len;
	ssize_t n;

	if (!ring_reserve(&c->in, 1))
		return CLIENT_GONE;
	room = ring_room(&c->in, &len);
	n = recv(c->fd, room, len, 0);
	if (n > 0) {
		ring_filled(&c->in, (size_t)n);
		return CLIENT_LIVES;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CLIENT_LIVES;
	return CLIENT_GONE;
}

enum client_state client_send(struct client *c)
{
	switch (batch_send(&c->out, c->fd)) {
	case BATCH_GONE:
		return CLIENT_GONE;
	case BATCH_SENT:
		ring_release(&c->in);
		break;
	case BATCH_BLOCKED:
		break;
	}
	return CLIENT_LIVES;
}

bool client_blocked(const struct client *c)
{
	return !batch_empty(&c->out);
}

void client_close(struct client *c)
{
	close(c->fd);
	batch_clear(&c->out);
	ring_free(&c->in);
	client_open(c, -1);
}
