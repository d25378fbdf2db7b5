// SPDX-License-Identifier: Apache-2.0
#include "listen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int complain(const char *path, const char *what)
{
	fprintf(stderr, GATEWAY_NAME ": cannot listen on %s: %s\n", path, what);
	return -1;
}

// make_way removes the socket of a server that has ended; it returns 0 when path is free.
static int make_way(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd, answered;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : complain(addr->sun_path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return complain(addr->sun_path,
				"it exists and is no socket; choose another --socket");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return complain(addr->sun_path, strerror(errno));
	answered = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ||
		   errno != ECONNREFUSED;
	close(fd);
	if (answered)
		return complain(addr->sun_path,
				"a server uses it; end it or choose another --socket");
	if (unlink(addr->sun_path) < 0)
		return complain(addr->sun_path, strerror(errno));
	return 0;
}

int listen_on(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return complain(path, "the path is longer than 107 bytes");
	strcpy(addr.sun_path, path);
	if (make_way(&addr) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return complain(path, strerror(errno));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
		complain(path, strerror(errno));
		close(fd);
		return -1;
	}
	if (listen(fd, SOMAXCONN) < 0) {
		complain(path, strerror(errno));
		unlink(path);
		close(fd);
		return -1;
	}
	return fd;
}
