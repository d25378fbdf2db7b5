// SPDX-License-Identifier: Apache-2.0
// plainclient: the plain C client against which the load generator is measured. One
// thread, epoll, a closed loop: each connection keeps --pipeline requests of the ipc
// protocol under way. It reads the clock before each send and after each recv, and
// records the round trip of every request. At the end it takes every answer that it is
// owed, then prints one JSON line.
//
// Several requests that are due at once on a connection leave in one send, and carry its
// stamp; several answers that one recv brings carry the stamp of that recv.
//
// With --log it also writes how many answers came in each millisecond: a line with the
// CLOCK_MONOTONIC ns at which the first began, then one number a line. SIGTERM ends the
// load early, in the same good order.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "histogram.h"
#include "payload.h"
#include "plainoptions.h"
#include "wire.h"

enum { IN_MIN = 64 << 10 };

struct connection {
	int fd;
	unsigned char *in; // what of the answers is not whole yet
	size_t in_len, in_cap;
	uint64_t *sent_at;     // ring of pipeline stamps
	unsigned head, flying; // oldest of the ring, number under way
	size_t unsent;	       // bytes of the current send that the socket did not take
	unsigned due;	       // requests to send
};

struct client {
	struct options o;
	struct connection *conn;
	unsigned char *burst; // pipeline requests, one after the other
	size_t frame;	      // bytes of one request
	uint64_t start, warm, stop;
	uint64_t sent, counted, errors, limit;
	int epoll;
	struct histogram rtt;
	uint32_t *answers; // of each millisecond since start; NULL without --log
	uint64_t millis;
};

static volatile sig_atomic_t told; // to end

static void on_term(int signal)
{
	(void)signal;
	told = 1;
}

// make_burst writes pipeline copies of the request.
static void make_burst(struct client *c)
{
	c->frame = HEADER + (size_t)c->o.payload;
	c->burst = malloc(c->frame * (size_t)c->o.pipeline);
	if (!c->burst)
		die("malloc");
	frame_header(c->burst, (uint32_t)c->frame, (unsigned char)c->o.type);
	payload((unsigned char)c->o.type, c->burst + HEADER, (size_t)c->o.payload);
	for (long i = 1; i < c->o.pipeline; i++)
		memcpy(c->burst + (size_t)i * c->frame, c->burst, c->frame);
}

static void want(struct client *c, struct connection *k, uint32_t events, int op)
{
	struct epoll_event e = {.events = events, .data.ptr = k};

	if (epoll_ctl(c->epoll, op, k->fd, &e) < 0)
		die("epoll_ctl");
}

static void connect_all(struct client *c)
{
	struct sockaddr_un a = address_of(c->o.socket);

	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->conn = calloc((size_t)c->o.connections, sizeof(*c->conn));
	if (c->epoll < 0 || !c->conn)
		die("epoll_create1");
	for (long i = 0; i < c->o.connections; i++) {
		struct connection *k = &c->conn[i];

		k->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (k->fd < 0 || connect(k->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
			die(c->o.socket);
		if (fcntl(k->fd, F_SETFL, O_NONBLOCK) < 0)
			die("fcntl");
		k->in_cap = IN_MIN;
		k->in = malloc(k->in_cap);
		k->sent_at = calloc((size_t)c->o.pipeline, sizeof(*k->sent_at));
		if (!k->in || !k->sent_at)
			die("malloc");
		k->due = (unsigned)c->o.pipeline;
		want(c, k, EPOLLIN, EPOLL_CTL_ADD);
	}
}

static int over(const struct client *c, uint64_t now)
{
	return told || now >= c->stop || (c->limit && c->sent >= c->limit);
}

// push goes on with the current send; the burst repeats itself, so only the bytes matter.
static void push(struct client *c, struct connection *k)
{
	const unsigned char *end = c->burst + c->frame * (size_t)c->o.pipeline;
	ssize_t n = send(k->fd, end - k->unsent, k->unsent, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		die("send");
	if (n > 0)
		k->unsent -= (size_t)n;
	if (k->unsent)
		want(c, k, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

// refill sends what is due in one send, unless the last one is still under way.
static void refill(struct client *c, struct connection *k)
{
	uint64_t now;
	unsigned n = k->due;

	if (!n || k->unsent)
		return;
	now = now_ns();
	if (over(c, now))
		return;
	if (c->limit && n > c->limit - c->sent)
		n = (unsigned)(c->limit - c->sent);
	for (unsigned i = 0; i < n; i++)
		k->sent_at[(k->head + k->flying + i) % (unsigned)c->o.pipeline] = now;
	k->flying += n;
	k->due -= n;
	c->sent += n;
	k->unsent = n * c->frame;
	push(c, k);
}

static void answered(struct client *c, struct connection *k, unsigned char type,
		     uint64_t now)
{
	uint64_t sent_at;

	if (!k->flying) {
		fputs("plainclient: an answer that nobody asked for\n", stderr);
		exit(1);
	}
	sent_at = k->sent_at[k->head];
	k->head = (k->head + 1) % (unsigned)c->o.pipeline;
	k->flying--;
	k->due++;
	if (type == ERROR || type == 0x07)
		c->errors++;
	if (c->answers && (now - c->start) / 1000000 < c->millis)
		c->answers[(now - c->start) / 1000000]++;
	if (sent_at >= c->warm && now <= c->stop) {
		c->counted++;
		histogram_add(&c->rtt, now - sent_at);
	}
}

// take cuts the whole answers out of what was received.
static void take(struct client *c, struct connection *k, uint64_t now)
{
	size_t at = 0;

	while (k->in_len - at >= HEADER) {
		uint32_t size = frame_size(k->in + at);

		if (size < HEADER || size > MAX_FRAME || k->in[at + 4] != VERSION) {
			fputs("plainclient: the answer is no frame\n", stderr);
			exit(1);
		}
		if (k->in_len - at < size) {
			if (size > k->in_cap) {
				k->in = realloc(k->in, size);
				k->in_cap = size;
				if (!k->in)
					die("realloc");
			}
			break;
		}
		if (k->in[at + 5] != DATA)
			answered(c, k, k->in[at + 5], now);
		at += size;
	}
	if (at && k->in_len > at)
		memmove(k->in, k->in + at, k->in_len - at);
	k->in_len -= at;
}

static void receive(struct client *c, struct connection *k)
{
	ssize_t n = recv(k->fd, k->in + k->in_len, k->in_cap - k->in_len, 0);

	if (n == 0 || (n < 0 && errno != EAGAIN)) {
		fputs("plainclient: the server closed the connection\n", stderr);
		exit(1);
	}
	if (n < 0)
		return;
	k->in_len += (size_t)n;
	take(c, k, now_ns());
	refill(c, k);
}

static void serve(struct client *c, const struct epoll_event *e)
{
	struct connection *k = e->data.ptr;

	if (e->events & EPOLLOUT && k->unsent) {
		push(c, k);
		if (!k->unsent) {
			want(c, k, EPOLLIN, EPOLL_CTL_MOD);
			refill(c, k);
		}
	}
	if (e->events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(c, k);
}

static int owed(const struct client *c)
{
	for (long i = 0; i < c->o.connections; i++)
		if (c->conn[i].flying)
			return 1;
	return 0;
}

static void run(struct client *c)
{
	struct epoll_event events[64];

	c->start = now_ns();
	c->warm = c->start + (uint64_t)(c->o.warmup * 1e9);
	c->stop = c->warm + (uint64_t)(c->o.duration * 1e9);
	if (c->o.log) {
		c->millis = (c->stop - c->start) / 1000000 + 1;
		c->answers = calloc(c->millis, sizeof(*c->answers));
		if (!c->answers)
			die("calloc");
	}
	for (long i = 0; i < c->o.connections; i++)
		refill(c, &c->conn[i]);
	while (owed(c)) {
		int n = epoll_wait(c->epoll, events, 64, 5000);

		if (n == 0) {
			fputs("plainclient: no answer within 5 s\n", stderr);
			exit(1);
		}
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++)
			serve(c, &events[i]);
	}
}

static void write_log(const struct client *c)
{
	uint64_t lived = (now_ns() - c->start) / 1000000;
	FILE *f = fopen(c->o.log, "w");

	if (!f)
		die(c->o.log);
	fprintf(f, "%lu\n", c->start);
	for (uint64_t i = 0; i < lived && i < c->millis; i++)
		fprintf(f, "%u\n", c->answers[i]);
	if (fclose(f))
		die(c->o.log);
}

static void report(const struct client *c)
{
	uint64_t end = now_ns();
	double seconds = (double)((end < c->stop ? end : c->stop) - c->warm) / 1e9;
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf(
	    "{\"sent\":%lu,\"counted\":%lu,\"errors\":%lu,\"seconds\":%.6f,"
	    "\"requests_per_second\":%.1f,\"p50_ns\":%lu,\"p90_ns\":%lu,\"p99_ns\":%lu,"
	    "\"p99_9_ns\":%lu,\"max_ns\":%lu,\"cpu_user_ns\":%ld,\"cpu_kernel_ns\":%ld}"
	    "\n",
	    c->sent, c->counted, c->errors, seconds, (double)c->counted / seconds,
	    histogram_at(&c->rtt, 0.50), histogram_at(&c->rtt, 0.90),
	    histogram_at(&c->rtt, 0.99), histogram_at(&c->rtt, 0.999), c->rtt.max,
	    u.ru_utime.tv_sec * 1000000000L + u.ru_utime.tv_usec * 1000L,
	    u.ru_stime.tv_sec * 1000000000L + u.ru_stime.tv_usec * 1000L);
}

int main(int argc, char **argv)
{
	static struct client c;

	c.o = read_options(argc, argv);
	c.limit = (uint64_t)c.o.requests;
	signal(SIGTERM, on_term);
	make_burst(&c);
	connect_all(&c);
	run(&c);
	report(&c);
	if (c.o.log)
		write_log(&c);
	for (long i = 0; i < c.o.connections; i++) {
		close(c.conn[i].fd);
		free(c.conn[i].in);
		free(c.conn[i].sent_at);
	}
	close(c.epoll);
	free(c.conn);
	free(c.burst);
	free(c.answers);
	return c.errors ? 1 : 0;
}
