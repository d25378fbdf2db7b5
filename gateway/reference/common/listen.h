// SPDX-License-Identifier: Apache-2.0
// The listening socket.
#ifndef LISTEN_H
#define LISTEN_H

// listen_on binds path and listens. A socket that a dead server left behind is replaced;
// one that answers, and anything that is no socket, is not. It returns the descriptor, or
// -1 after a message on standard error.
int listen_on(const char *path);

#endif
