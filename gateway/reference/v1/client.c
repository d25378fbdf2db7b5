// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"

enum { FIRST_BUFFER = 64 << 10 };

void client_init(struct client *c, int fd)
{
	memset(c, 0, sizeof(*c));
	c->fd = fd;
}

enum client_state client_reserve(struct client *c, size_t need)
{
	size_t cap = c->in_cap ? c->in_cap : FIRST_BUFFER;
	unsigned char *grown;

	while (cap < need)
		cap *= 2;
	if (cap == c->in_cap)
		return CLIENT_LIVES;
	grown = realloc(c->in, cap);
	if (!grown)
		return CLIENT_GONE;
	c->in = grown;
	c->in_cap = cap;
	return CLIENT_LIVES;
}

enum client_state client_receive(struct client *c)
{
	ssize_t n;

	if (client_reserve(c, c->in_len + 1) == CLIENT_GONE)
		return CLIENT_GONE;
	n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
	if (n > 0) {
		c->in_len += (size_t)n;
		return CLIENT_LIVES;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CLIENT_LIVES;
	return CLIENT_GONE;
}

void client_cut(struct client *c, size_t len)
{
	memmove(c->in, c->in + len, c->in_len - len);
	c->in_len -= len;
}

// push sends until the socket takes no more, and returns the bytes it took, or -1 when
// the peer is gone.
static ssize_t push(int fd, const unsigned char *p, size_t len)
{
	size_t sent = 0;

	while (sent < len) {
		ssize_t n = send(fd, p + sent, len - sent, MSG_NOSIGNAL);

		if (n >= 0)
			sent += (size_t)n;
		else if (errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -1;
	}
	return (ssize_t)sent;
}

__attribute__((noinline)) enum client_state client_answer(struct client *c, uint8_t type,
							  const void *payload, size_t len)
{
	unsigned char frame[IPC_MAX_FRAME];
	size_t size = ipc_protocol_encode(frame, type, payload, len);
	ssize_t sent = push(c->fd, frame, size);

	if (sent < 0)
		return CLIENT_GONE;
	if ((size_t)sent == size)
		return CLIENT_LIVES;
	c->out_len = size - (size_t)sent;
	c->out_sent = 0;
	c->out = malloc(c->out_len);
	if (!c->out)
		return CLIENT_GONE;
	memcpy(c->out, frame + sent, c->out_len);
	return CLIENT_LIVES;
}

enum client_state client_flush(struct client *c)
{
	ssize_t sent = push(c->fd, c->out + c->out_sent, c->out_len - c->out_sent);

	if (sent < 0)
		return CLIENT_GONE;
	c->out_sent += (size_t)sent;
	if (c->out_sent == c->out_len) {
		free(c->out);
		c->out = NULL;
		c->out_len = c->out_sent = 0;
	}
	return CLIENT_LIVES;
}

bool client_blocked(const struct client *c)
{
	return c->out != NULL;
}

void client_close(struct client *c)
{
	close(c->fd);
	free(c->in);
	free(c->out);
	client_init(c, -1);
}
