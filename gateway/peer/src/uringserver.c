// SPDX-License-Identifier: Apache-2.0
// uringserver: a server of the ipc protocol that receives and sends through io_uring
// alone, and knows its own times as stampserver does. --shape says how the ring works:
//
//   plain    the thread carries its operations out itself, in io_uring_enter
//   async    the kernel's io-wq threads carry them out (IOSQE_ASYNC)
//   sqpoll   a thread of the kernel's takes them from the ring, and no call is needed
//
// A request is received when its completion is seen, and its answer sent when the ring
// is told, or with sqpoll when it stands in the ring.
#include "stamplog.h"

#include <errno.h>
#include <liburing.h>
#include <signal.h>

#include "shapeoptions.h"

enum { ENTRIES = 1024, IN_MAX = 2 << 20, BATCH = 64 };

struct connection {
	unsigned char *in, *out;
	size_t in_len, out_len, out_sent;
	uint64_t in_end, out_end;
	uint32_t number;
	int fd, sending;
};

static struct options o;
static struct stamp_log *stamps;
static struct io_uring ring;
static struct connection listener; // its completions are accepts
static struct stamp waiting[BATCH * 4];
static unsigned n_waiting;
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

// submit tells the ring, and says of the answers in it that they are being sent.
static void submit(void)
{
	uint64_t now = now_ns();

	io_uring_submit(&ring);
	for (unsigned i = 0; i < n_waiting; i++) {
		waiting[i].sending_ns = now;
		put_stamp(stamps, &waiting[i]);
	}
	n_waiting = 0;
}

static struct io_uring_sqe *operation(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (!sqe) {
		submit();
		sqe = io_uring_get_sqe(&ring);
	}
	if (!sqe) {
		fputs("uringserver: the ring is full\n", stderr);
		exit(2);
	}
	return sqe;
}

static void finish(struct io_uring_sqe *sqe, struct connection *c)
{
	io_uring_sqe_set_data(sqe, c);
	if (!strcmp(o.shape, "async"))
		io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
}

static void take(struct connection *c)
{
	struct io_uring_sqe *sqe = operation();

	io_uring_prep_recv(sqe, c->fd, c->in + c->in_len, IN_MAX - c->in_len, 0);
	finish(sqe, c);
	c->sending = 0;
}

static void give(struct connection *c)
{
	struct io_uring_sqe *sqe = operation();

	io_uring_prep_send(sqe, c->fd, c->out + c->out_sent, c->out_len - c->out_sent,
			   MSG_NOSIGNAL);
	finish(sqe, c);
	c->sending = 1;
}

static void await_clients(void)
{
	struct io_uring_sqe *sqe = operation();

	io_uring_prep_accept(sqe, listener.fd, NULL, NULL, SOCK_CLOEXEC);
	io_uring_sqe_set_data(sqe, &listener);
}

static void admit(int fd)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c || !(c->in = malloc(IN_MAX)) || !(c->out = malloc(IN_MAX)))
		die("malloc");
	c->fd = fd;
	c->number = stamps->connections++;
	take(c);
	await_clients();
}

static void drop(struct connection *c)
{
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

// answer makes one send of the answers to all whole requests; 0: there is none yet.
static int answer(struct connection *c, uint64_t received)
{
	c->out_len = c->out_sent = 0;
	while (c->in_len >= HEADER && c->in_len >= frame_size(c->in)) {
		uint32_t size = frame_size(c->in);

		if (size < HEADER || size > IN_MAX || c->in[4] != VERSION)
			return -1;
		if (c->out_len + size > IN_MAX || n_waiting == BATCH * 4)
			return -1;
		while (o.busy_ns && now_ns() - received < o.busy_ns)
			;
		frame_header(c->out + c->out_len, size, OK);
		c->out_len += size;
		c->in_end += size;
		c->out_end += size;
		waiting[n_waiting++] = (struct stamp){
		    .received_ns = received,
		    .in_end = c->in_end,
		    .out_end = c->out_end,
		    .connection = c->number,
		};
		c->in_len -= size;
		memmove(c->in, c->in + size, c->in_len);
	}
	return c->out_len > 0;
}

static void complete(struct connection *c, int result)
{
	int answers;

	if (c == &listener) {
		if (result >= 0)
			admit(result);
		return;
	}
	if (result <= 0) {
		drop(c);
		return;
	}
	if (c->sending) {
		c->out_sent += (size_t)result;
		if (c->out_sent < c->out_len)
			give(c);
		else
			take(c);
		return;
	}
	c->in_len += (size_t)result;
	answers = answer(c, now_ns());
	if (answers < 0)
		drop(c);
	else if (answers)
		give(c);
	else
		take(c);
}

static void run(void)
{
	await_clients();
	while (!ended) {
		struct io_uring_cqe *cqe;
		struct connection *c[BATCH];
		int result[BATCH];
		unsigned head, n = 0;

		submit();
		if (io_uring_wait_cqe(&ring, &cqe) < 0)
			continue;
		io_uring_for_each_cqe(&ring, head, cqe)
		{
			if (n == BATCH)
				break;
			c[n] = io_uring_cqe_get_data(cqe);
			result[n++] = cqe->res;
		}
		io_uring_cq_advance(&ring, n);
		for (unsigned i = 0; i < n; i++)
			complete(c[i], result[i]);
	}
}

int main(int argc, char **argv)
{
	struct sigaction stop = {.sa_handler = on_signal};
	struct io_uring_params params = {0};
	int failed;

	o = read_options(argc, argv, "uringserver",
			 "usage: uringserver --socket PATH --shape plain|async|sqpoll\n"
			 "  [--type stream|seqpacket] [--busy-us N] [--log FILE]\n");
	stamps = open_log();
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	if (!strcmp(o.shape, "sqpoll")) {
		params.flags = IORING_SETUP_SQPOLL;
		params.sq_thread_idle = 1000;
	}
	failed = io_uring_queue_init_params(ENTRIES, &ring, &params);
	if (failed) {
		fprintf(stderr, "uringserver: io_uring_setup: %s\n", strerror(-failed));
		return 2;
	}
	listener.fd = open_socket(o.path, o.type);
	printf("ready pid=%d socket=%s\n", (int)getpid(), o.path);
	fflush(stdout);
	run();
	unlink(o.path);
	if (o.log)
		write_log(stamps, o.log);
	printf("done requests=%lu\n", (unsigned long)stamps->count);
	return 0;
}
