// SPDX-License-Identifier: Apache-2.0
// shapeserver: a server of the ipc protocol that knows its own times, as stampserver
// does, in the shapes that servers come in (--shape):
//
//   threads    --workers threads; each accepts, and serves what it accepted
//   oneshot    --workers threads share one epoll; any serves any connection, one event
//              at a time (EPOLLONESHOT), so a connection changes threads all the time
//   acceptor   one thread accepts and hands the connections to --workers others
//   handover   one thread receives, another sends the answers
//   fork       --workers processes, forked before there is any client
//   successor  the same; each process forks one to go on in its place after every
//              --successor requests, and waits for that
//
// --type seqpacket takes connections of messages; --type dgram has one socket for all
// clients. On SIGTERM the stamps are written to --log FILE.
#include "stamplog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "shapeoptions.h"

enum { MAX_CONNECTIONS = 1024, IN_MAX = 2 << 20 };

struct connection {
	unsigned char *in;
	size_t in_len;
	uint64_t in_end, out_end;
	uint32_t number;
	int fd;
};

// What one thread or process polls: its listener or pipe at [0], then connections.
struct poller {
	struct pollfd polled[MAX_CONNECTIONS + 1];
	struct connection *conn[MAX_CONNECTIONS + 1];
	nfds_t used;
	uint64_t served;
};

static struct options o;
static struct stamp_log *stamps;
static int listener, handed[2], epoll;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static struct connection *admit(int fd)
{
	struct connection *c;

	// In the order of accept: one at a time, in all threads and processes.
	while (atomic_flag_test_and_set(&stamps->accepting))
		;
	fd = fd < 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : fd;
	if (fd < 0) {
		atomic_flag_clear(&stamps->accepting);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c || !(c->in = malloc(IN_MAX)))
		die("malloc");
	c->number = atomic_fetch_add(&stamps->connections, 1);
	atomic_flag_clear(&stamps->accepting);
	c->fd = fd;
	return c;
}

static void drop(struct connection *c)
{
	close(c->fd);
	free(c->in);
	free(c);
}

static int send_all(int fd, const unsigned char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

// An answer that is to be sent, and when its request was taken.
struct reply {
	struct connection *c;
	uint64_t received;
	uint32_t size;
};

// The request's frame comes back as it was, with another type.
static int reply(const struct reply *r)
{
	static _Thread_local unsigned char frame[IN_MAX];
	struct connection *c = r->c;
	struct stamp stamp = {.received_ns = r->received, .connection = c->number};

	while (o.busy_ns && now_ns() - r->received < o.busy_ns)
		;
	frame_header(frame, r->size, OK);
	stamp.sending_ns = now_ns();
	if (send_all(c->fd, frame, r->size) < 0)
		return -1;
	stamp.in_end = c->in_end += r->size;
	stamp.out_end = c->out_end += r->size;
	put_stamp(stamps, &stamp);
	return 0;
}

// serve does one recv and answers the whole frames it brought, or hands them over; the
// number of frames, or -1: the connection is over.
static int serve(struct connection *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len, IN_MAX - c->in_len, MSG_DONTWAIT);
	uint64_t received = now_ns();
	int frames = 0;

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	c->in_len += (size_t)n;
	while (c->in_len >= HEADER && c->in_len >= frame_size(c->in)) {
		struct reply r = {c, received, frame_size(c->in)};

		if (r.size < HEADER || r.size > IN_MAX || c->in[4] != VERSION)
			return -1;
		if (!strcmp(o.shape, "handover")) {
			if (write(handed[1], &r, sizeof(r)) != sizeof(r))
				die("write");
		} else if (reply(&r) < 0) {
			return -1;
		}
		c->in_len -= r.size;
		memmove(c->in, c->in + r.size, c->in_len);
		frames++;
	}
	return frames;
}

static void add(struct poller *p, struct connection *c)
{
	if (!c || p->used > MAX_CONNECTIONS)
		return;
	p->conn[p->used] = c;
	p->polled[p->used++] = (struct pollfd){.fd = c->fd, .events = POLLIN};
}

// succeed forks a process that goes on in place of this one.
static void succeed(struct poller *p)
{
	p->served = 0;
	pid_t child = fork();

	if (child <= 0)
		return;
	while (waitpid(child, NULL, WNOHANG) == 0) {
		poll(NULL, 0, 200);
		if (ended)
			kill(child, SIGTERM);
	}
	_exit(0);
}

static void poll_all(struct poller *p, int from, struct connection *(*next)(void))
{
	p->polled[0] = (struct pollfd){.fd = from, .events = POLLIN};
	p->used = 1;
	while (!ended) {
		if (poll(p->polled, p->used, 200) < 1)
			continue;
		for (nfds_t i = p->used - 1; i > 0; i--) {
			int frames;

			if (!p->polled[i].revents)
				continue;
			frames = serve(p->conn[i]);
			if (frames < 0) {
				drop(p->conn[i]);
				p->used--;
				p->polled[i] = p->polled[p->used];
				p->conn[i] = p->conn[p->used];
				continue;
			}
			p->served += (uint64_t)frames;
		}
		if (p->polled[0].revents)
			add(p, next());
		if (!strcmp(o.shape, "successor") && p->served >= o.successor)
			succeed(p);
	}
}

static struct connection *accepted(void)
{
	return admit(-1);
}

static struct connection *received(void)
{
	struct connection *c;

	return read(handed[0], &c, sizeof(c)) == sizeof(c) ? c : NULL;
}

static void *own_loop(void *next)
{
	struct poller *p = calloc(1, sizeof(*p));

	if (!p)
		die("calloc");
	poll_all(p, next == accepted ? listener : handed[0], next);
	return NULL;
}

static void *oneshot_loop(void *unused)
{
	(void)unused;
	while (!ended) {
		struct epoll_event e;
		struct connection *c;

		if (epoll_wait(epoll, &e, 1, -1) < 1)
			continue;
		c = e.data.ptr;
		if (!c) {
			c = admit(-1);
			e.events = EPOLLIN | EPOLLONESHOT;
			e.data.ptr = c;
			if (c)
				epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &e);
			e.data.ptr = NULL;
			epoll_ctl(epoll, EPOLL_CTL_MOD, listener, &e);
		} else if (serve(c) < 0) {
			drop(c);
		} else {
			e.events = EPOLLIN | EPOLLONESHOT;
			epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &e);
		}
	}
	return NULL;
}

static void *reply_loop(void *unused)
{
	struct reply r;

	(void)unused;
	while (read(handed[0], &r, sizeof(r)) == sizeof(r))
		reply(&r);
	return NULL;
}

static void *accept_loop(void *unused)
{
	(void)unused;
	while (!ended) {
		struct pollfd p = {.fd = listener, .events = POLLIN};
		struct connection *c;

		if (poll(&p, 1, 200) < 1)
			continue;
		c = admit(-1);
		if (c && write(handed[1], &c, sizeof(c)) != sizeof(c))
			die("write");
	}
	return NULL;
}

// datagrams serves all clients of the one socket.
static void *datagrams(void *unused)
{
	static unsigned char frame[IN_MAX];
	struct sockaddr_un from;

	(void)unused;
	while (!ended) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(listener, frame, sizeof(frame), 0,
				     (struct sockaddr *)&from, &len);
		struct stamp stamp = {.received_ns = now_ns()};

		if (n < HEADER || frame_size(frame) != (size_t)n)
			continue;
		while (o.busy_ns && now_ns() - stamp.received_ns < o.busy_ns)
			;
		frame_header(frame, (uint32_t)n, OK);
		stamp.sending_ns = now_ns();
		if (sendto(listener, frame, (size_t)n, 0, (struct sockaddr *)&from, len) <
		    0)
			continue;
		put_stamp(stamps, &stamp);
	}
	return NULL;
}

static void start(void *(*loop)(void *), void *argument, unsigned n)
{
	while (n-- > 0) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, loop, argument) != 0)
			die("pthread_create");
	}
}

// processes forks the workers, and ends them with this one.
static void processes(void)
{
	pid_t child[64];

	for (unsigned i = 0; i < o.workers; i++) {
		child[i] = fork();
		if (child[i] < 0)
			die("fork");
		if (child[i] == 0) {
			own_loop(accepted);
			_exit(0);
		}
	}
	while (!ended)
		poll(NULL, 0, 100);
	for (unsigned i = 0; i < o.workers; i++)
		kill(child[i], SIGTERM);
	for (unsigned i = 0; i < o.workers; i++)
		while (waitpid(child[i], NULL, 0) < 0 && errno == EINTR)
			;
}

static void run_threads(void)
{
	const char *shape = o.shape;
	struct epoll_event e = {.events = EPOLLIN | EPOLLONESHOT};

	if (o.type == SOCK_DGRAM) {
		start(datagrams, NULL, 1);
	} else if (!strcmp(shape, "threads")) {
		start(own_loop, accepted, o.workers);
	} else if (!strcmp(shape, "oneshot")) {
		epoll = epoll_create1(EPOLL_CLOEXEC);
		epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
		start(oneshot_loop, NULL, o.workers);
	} else if (!strcmp(shape, "acceptor")) {
		start(own_loop, received, o.workers);
		start(accept_loop, NULL, 1);
	} else if (!strcmp(shape, "handover")) {
		start(reply_loop, NULL, 1);
		start(own_loop, accepted, 1);
	} else {
		fprintf(stderr, "shapeserver: there is no shape %s\n", shape);
		exit(2);
	}
	while (!ended)
		poll(NULL, 0, 100);
}

int main(int argc, char **argv)
{
	struct sigaction stop = {.sa_handler = on_signal};

	o = read_options(
	    argc, argv, "shapeserver",
	    "usage: shapeserver --socket PATH --shape SHAPE [--workers N]\n"
	    "  [--type stream|seqpacket|dgram] [--successor N] [--busy-us N]\n"
	    "  [--log FILE]\n");
	stamps = open_log();
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	if (pipe2(handed, O_CLOEXEC) < 0)
		die("pipe");
	if (!strcmp(o.shape, "acceptor")) // two workers may wake for one connection
		fcntl(handed[0], F_SETFL, O_NONBLOCK);
	listener = open_socket(o.path, o.type);
	printf("ready pid=%d socket=%s\n", (int)getpid(), o.path);
	fflush(stdout);
	if (!strcmp(o.shape, "fork") || !strcmp(o.shape, "successor"))
		processes();
	else
		run_threads();
	unlink(o.path);
	if (o.log)
		write_log(stamps, o.log);
	printf("done requests=%lu\n", (unsigned long)stamps->count);
	fflush(stdout);
	_exit(0);
}
