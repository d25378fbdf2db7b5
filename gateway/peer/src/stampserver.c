// SPDX-License-Identifier: Apache-2.0
// stampserver: a server of the ipc protocol that knows its own times. One thread polls;
// for each request it keeps CLOCK_MONOTONIC at the return of the recv that took the
// request's last byte, and right before the send that carries the answer's last byte. On
// SIGTERM or SIGINT it writes them to --log FILE (stamps.h has the layout) and ends.
// Without --log it keeps none, and takes no memory but its connections'.
//
// Nothing is written or allocated between the two stamps but what the request asks for:
// --busy-us is busy in each request until that time has passed, --burn-us until it has
// had that much of a CPU, --pause-us sleeps in --pause-pct of them (evenly
// spread by sequence number), --stall-ms sleeps once, in request number --stall-at.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "stampoptions.h"
#include "stamps.h"
#include "wire.h"

enum { MAX_CONNECTIONS = 20000, IN_MIN = 64 << 10, STREAM_FRAMES = 3 };

// Room for the records: memory is taken as it is used.
static const size_t max_records = (2ull << 30) / sizeof(struct stamp);

struct connection {
	unsigned char *in;
	size_t in_len, in_cap;
	uint64_t cookie, in_end, out_end;
	uint32_t number;
};

struct server {
	struct pollfd polled[MAX_CONNECTIONS + 1]; // [0] is the listener
	struct connection conn[MAX_CONNECTIONS + 1];
	nfds_t used;
	uint32_t accepted;
	uint64_t seq, lost;
	struct stamp *records;
	struct options o;
	unsigned char answer[MAX_FRAME];
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};

	while (nanosleep(&t, &t) < 0 && errno == EINTR && !ended)
		;
}

static uint64_t had_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

// burn takes ns of CPU time, as the scheduler counts it. Behind a gap between two
// readings of the clock it asks how much of the time that has passed was not its own:
// another thread's turn was not, an interrupt was.
static void burn(uint64_t ns)
{
	const uint64_t gap = 5000;
	uint64_t had = had_ns(), from = now_ns(), last = from, end = from + ns, now;

	for (; (now = now_ns()) < end; last = now) {
		if (now - last > gap)
			end = from + ns + (now - from) - (had_ns() - had);
	}
}

// hold spends the time that request number seq was told to take; it returns flags.
static uint32_t hold(const struct server *s, uint64_t seq, uint64_t since)
{
	uint32_t flags = 0;

	if ((uint64_t)((double)(seq + 1) * s->o.pause_share) >
	    (uint64_t)((double)seq * s->o.pause_share)) {
		sleep_ns(s->o.pause_ns);
		flags |= STAMP_PAUSED;
	}
	if (s->o.stall_ns && seq == s->o.stall_at) {
		sleep_ns(s->o.stall_ns);
		flags |= STAMP_STALLED;
	}
	if (s->o.busy_ns) {
		uint64_t from = flags ? now_ns() : since;

		while (now_ns() - from < s->o.busy_ns)
			;
	}
	if (s->o.burn_ns)
		burn(s->o.burn_ns);
	return flags;
}

static int send_all(int fd, const unsigned char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

// answer_of writes the header of the last frame of the answer and returns its length.
static size_t answer_of(struct server *s, unsigned char type, uint32_t request)
{
	size_t payload = s->o.respond < 0 ? request - HEADER : (size_t)s->o.respond;
	unsigned char kind = OK;

	if (type == PING)
		kind = PONG;
	else if (type == CAPS)
		kind = CAPS;
	else if (type == SUBSCRIBE)
		kind = COMPLETE;
	frame_header(s->answer, (uint32_t)(HEADER + payload), kind);
	return HEADER + payload;
}

static int answer(struct server *s, struct connection *c, int fd, uint32_t size,
		  uint64_t received)
{
	unsigned char type = c->in[5];
	uint64_t seq = s->seq++;
	uint32_t flags = hold(s, seq, received);
	uint64_t sending;
	size_t len;

	if (type == SUBSCRIBE) {
		unsigned char data[HEADER];

		frame_header(data, HEADER, DATA);
		for (int i = 0; i < STREAM_FRAMES; i++)
			if (send_all(fd, data, HEADER) < 0)
				return -1;
		c->out_end += STREAM_FRAMES * HEADER;
	}
	len = answer_of(s, type, size);
	sending = now_ns();
	if (send_all(fd, s->answer, len) < 0)
		return -1;
	c->in_end += size;
	c->out_end += len;
	if (!s->records)
		return 0;
	if (seq < max_records)
		s->records[seq] = (struct stamp){
		    .received_ns = received,
		    .sending_ns = sending,
		    .in_end = c->in_end,
		    .out_end = c->out_end,
		    .cookie = c->cookie,
		    .connection = c->number,
		    .flags = flags,
		};
	else
		s->lost++;
	return 0;
}

static int reserve(struct connection *c, size_t need)
{
	size_t cap = c->in_cap ? c->in_cap : IN_MIN;
	unsigned char *grown;

	while (cap < need)
		cap *= 2;
	if (cap == c->in_cap)
		return 0;
	grown = realloc(c->in, cap);
	if (!grown)
		return -1;
	c->in = grown;
	c->in_cap = cap;
	return 0;
}

// serve does one recv and answers the whole frames it brought; -1: the connection is
// over.
static int serve(struct server *s, struct connection *c, int fd)
{
	uint64_t received;
	size_t room;
	ssize_t n;

	if (reserve(c, c->in_len + 1) < 0)
		return -1;
	room = c->in_cap - c->in_len;
	if (s->o.read && s->o.read < room)
		room = s->o.read;
	n = recv(fd, c->in + c->in_len, room, MSG_DONTWAIT);
	received = now_ns();
	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	c->in_len += (size_t)n;
	while (c->in_len >= HEADER) {
		uint32_t size = frame_size(c->in);

		if (size < HEADER || size > MAX_FRAME || c->in[4] != VERSION)
			return -1;
		if (c->in_len < size)
			return reserve(c, size);
		if (answer(s, c, fd, size, received) < 0)
			return -1;
		c->in_len -= size;
		memmove(c->in, c->in + size, c->in_len);
	}
	return 0;
}

static void admit(struct server *s)
{
	struct connection *c = &s->conn[s->used];
	socklen_t len = sizeof(c->cookie);
	int fd = accept4(s->polled[0].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (s->used > MAX_CONNECTIONS) {
		close(fd);
		return;
	}
	memset(c, 0, sizeof(*c));
	c->number = s->accepted++;
	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &c->cookie, &len);
	s->polled[s->used++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void drop(struct server *s, nfds_t i)
{
	close(s->polled[i].fd);
	free(s->conn[i].in);
	s->used--;
	s->polled[i] = s->polled[s->used];
	s->conn[i] = s->conn[s->used];
}

static void run(struct server *s)
{
	while (!ended) {
		if (poll(s->polled, s->used, -1) < 0 && errno != EINTR)
			die("poll");
		if (ended)
			return;
		for (nfds_t i = s->used - 1; i > 0; i--)
			if (s->polled[i].revents &&
			    serve(s, &s->conn[i], s->polled[i].fd) < 0)
				drop(s, i);
		if (s->polled[0].revents)
			admit(s);
	}
}

static void write_log(const struct server *s, const char *path)
{
	uint64_t count = s->seq - s->lost;
	struct stamp_file head = {STAMP_MAGIC, STAMP_VERSION, sizeof(struct stamp), count,
				  s->lost};
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(&head, sizeof(head), 1, f) != 1 ||
	    fwrite(s->records, sizeof(struct stamp), count, f) != count || fclose(f) != 0)
		die(path);
}

static struct stamp *keep_records(void)
{
	void *room =
	    mmap(NULL, max_records * sizeof(struct stamp), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		die("mmap");
	return room;
}

int main(int argc, char **argv)
{
	static struct server s;
	struct sigaction stop = {.sa_handler = on_signal};
	struct rlimit files;

	s.o = read_options(argc, argv);
	if (s.o.log)
		s.records = keep_records();
	memset(s.answer, ' ', sizeof(s.answer));
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	s.polled[0] = (struct pollfd){.fd = listen_on(s.o.path), .events = POLLIN};
	s.used = 1;
	printf("ready pid=%d socket=%s\n", (int)getpid(), s.o.path);
	fflush(stdout);
	run(&s);
	unlink(s.o.path);
	if (s.o.log)
		write_log(&s, s.o.log);
	printf("done requests=%lu\n", s.seq);
	return 0;
}
