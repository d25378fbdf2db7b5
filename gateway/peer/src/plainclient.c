// SPDX-License-Identifier: Apache-2.0
// plainclient: the plain C client against which the load generator is measured. One
// thread, epoll, a closed loop: each connection keeps --pipeline requests of the ipc
// protocol under way. It reads the clock before each send and after each recv, and
// records the round trip of every request. At the end it takes every answer that it is
// owed, then prints one JSON line.
//
// Several requests that are due at once on a connection leave in one send, and carry its
// stamp; several answers that one recv brings carry the stamp of that recv.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "histogram.h"
#include "wire.h"

enum { IN_MIN = 64 << 10 };

struct options {
	const char *socket;
	long connections, pipeline, payload, type, requests;
	double duration, warmup;
};

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
};

static void usage(void)
{
	fputs("usage: plainclient --socket PATH [--connections N] [--pipeline N] "
	      "[--payload BYTES]\n"
	      "  [--type N] [--duration SECONDS] [--warmup SECONDS] [--requests N]\n",
	      stderr);
	exit(2);
}

static double number(const char *name, const char *text, double low, double high)
{
	char *end;
	double v = text[0] == '0' && text[1] == 'x' ? (double)strtol(text, &end, 16)
						    : strtod(text, &end);

	if (*end || end == text || v < low || v > high) {
		fprintf(stderr, "plainclient: --%s takes %g to %g\n", name, low, high);
		exit(2);
	}
	return v;
}

static struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", 1, NULL, 's'},	{"connections", 1, NULL, 'c'},
	    {"pipeline", 1, NULL, 'p'}, {"payload", 1, NULL, 'b'},
	    {"type", 1, NULL, 't'},	{"duration", 1, NULL, 'd'},
	    {"warmup", 1, NULL, 'w'},	{"requests", 1, NULL, 'n'},
	    {NULL, 0, NULL, 0},
	};
	struct options o = {
	    .connections = 1, .pipeline = 1, .payload = 64, .type = SUBMIT};
	int c, i;

	while ((c = getopt_long(argc, argv, "", names, &i)) != -1) {
		switch (c) {
		case 's':
			o.socket = optarg;
			break;
		case 'c':
			o.connections = (long)number(names[i].name, optarg, 1, 100000);
			break;
		case 'p':
			o.pipeline = (long)number(names[i].name, optarg, 1, 65536);
			break;
		case 'b':
			o.payload =
			    (long)number(names[i].name, optarg, 0, MAX_FRAME - HEADER);
			break;
		case 't':
			o.type = (long)number(names[i].name, optarg, 0, 255);
			break;
		case 'd':
			o.duration = number(names[i].name, optarg, 0.001, 86400);
			break;
		case 'w':
			o.warmup = number(names[i].name, optarg, 0, 3600);
			break;
		case 'n':
			o.requests = (long)number(names[i].name, optarg, 1, 1e15);
			break;
		default:
			usage();
		}
	}
	if (!o.socket || optind < argc)
		usage();
	if (o.duration == 0)
		o.duration = o.requests ? 86400 : 10;
	return o;
}

// make_burst writes pipeline copies of the request: JSON of exactly the payload's size.
static void make_burst(struct client *c)
{
	static const char head[] =
	    "{\"task_id\":\"probe-1\",\"action\":\"echo\",\"pad\":\"";
	static const char tail[] = "\"}";
	const size_t fixed = sizeof(head) - 1 + sizeof(tail) - 1;
	size_t size = (size_t)c->o.payload;
	unsigned char *p;

	c->frame = HEADER + size;
	c->burst = malloc(c->frame * (size_t)c->o.pipeline);
	if (!c->burst)
		die("malloc");
	frame_header(c->burst, (uint32_t)c->frame, (unsigned char)c->o.type);
	p = c->burst + HEADER;
	if (size >= fixed) {
		memset(p, 'x', size);
		memcpy(p, head, sizeof(head) - 1);
		memcpy(p + size - 2, tail, 2);
	} else if (size >= 2) {
		memset(p, ' ', size);
		p[0] = '{';
		p[size - 1] = '}';
	} else if (size == 1) {
		p[0] = '1';
	}
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
	return now >= c->stop || (c->limit && c->sent >= c->limit);
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
	make_burst(&c);
	connect_all(&c);
	run(&c);
	report(&c);
	for (long i = 0; i < c.o.connections; i++) {
		close(c.conn[i].fd);
		free(c.conn[i].in);
		free(c.conn[i].sent_at);
	}
	close(c.epoll);
	free(c.conn);
	free(c.burst);
	return c.errors ? 1 : 0;
}
