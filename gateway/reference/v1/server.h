// SPDX-License-Identifier: Apache-2.0
// The listening socket and the loop over its clients.
#ifndef SERVER_H
#define SERVER_H

#include "client.h"
#include "upstream.h"

enum { MAX_CLIENTS = 64 };

struct server {
	int listener; // -1 when closed
	int signals;  // a signalfd; readable: end
	const char *path;
	struct client clients[MAX_CLIENTS];
	struct upstream *upstream;
};

// server_listen binds path and listens. A socket that a dead server left behind is
// replaced; one that answers, and anything that is no socket, is not. It returns 0, or -1
// after a message on standard error.
int server_listen(struct server *s, const char *path);

// server_run serves until a signal arrives. It returns 0, or -1 after a message.
int server_run(struct server *s);

// server_close closes every client and removes the socket.
void server_close(struct server *s);

#endif
