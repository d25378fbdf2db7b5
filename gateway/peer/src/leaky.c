// SPDX-License-Identifier: Apache-2.0
// A server on the ipc wire whose use of its heap is known: ten healthy sites, a
// site that leaks as it is told to, churn on request. It answers each request with
// OK and the request's body, and ends with what its allocator says of itself.
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "leakoptions.h"
#include "wire.h"

enum { MAX_CONNECTIONS = 256, RING = 64 };

static volatile sig_atomic_t ended;

struct connection {
	unsigned char in[HEADER + 65536];
	size_t have;
};

static struct pollfd polled[MAX_CONNECTIONS + 1];
static struct connection connections[MAX_CONNECTIONS];
static nfds_t used = 1;
static struct options options;
static uint64_t requests;
static void *volatile sink;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static void *held(void *block)
{
	if (!block)
		die("allocate");
	sink = block;
	return block;
}

// Ten places that give back what they take, some at once, some later.
#define HEALTHY(name, take)                                                              \
	static __attribute__((noinline)) void name(uint64_t seq)                         \
	{                                                                                \
		static void *ring[RING];                                                 \
		void **slot = &ring[seq % RING];                                         \
                                                                                         \
		free(*slot);                                                             \
		*slot = held(take);                                                      \
	}

HEALTHY(healthy_malloc, malloc(24 + seq % 100))
HEALTHY(healthy_large, malloc(3000 + seq % 2000))
HEALTHY(healthy_calloc, calloc(3, 40))
HEALTHY(healthy_aligned, aligned_alloc(64, 256))
HEALTHY(healthy_string, strdup("a string that is copied"))

static __attribute__((noinline)) void healthy_memalign(void)
{
	void *block = NULL;

	if (posix_memalign(&block, 128, 500))
		die("posix_memalign");
	free(held(block));
}

static __attribute__((noinline)) void healthy_growth(void)
{
	char *block = malloc(10);

	for (size_t size = 20; size < 400; size *= 2)
		block = held(realloc(held(block), size));
	free(block);
}

static __attribute__((noinline)) void healthy_array(void)
{
	free(held(reallocarray(NULL, 7, 9)));
}

static __attribute__((noinline)) void healthy_format(uint64_t seq)
{
	char *text;

	if (asprintf(&text, "request %lu of many", seq) < 0)
		die("asprintf");
	free(held(text));
}

static __attribute__((noinline)) void healthy_temporary(void)
{
	free(held(malloc(64)));
}

static void serve_healthily(uint64_t seq)
{
	healthy_malloc(seq);
	healthy_large(seq);
	healthy_calloc(seq);
	healthy_aligned(seq);
	healthy_string(seq);
	healthy_memalign();
	healthy_growth();
	healthy_array();
	healthy_format(seq);
	healthy_temporary();
}

static __attribute__((noinline)) void leak_here(size_t size)
{
	static char text[1 << 20];
	char *block;

	switch (options.via) {
	case VIA_REALLOC:
		block = held(malloc(1));
		held(realloc(block, size));
		break;
	case VIA_STRDUP:
		memset(text, 'x', size - 1);
		held(strdup(text));
		text[0] = 0;
		break;
	case VIA_CALLOC:
		held(calloc(1, size));
		break;
	case VIA_MMAP:
		block = mmap(NULL, size, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (block == MAP_FAILED)
			die("mmap");
		*block = 1;
		sink = block;
		break;
	default:
		held(malloc(size));
	}
}

// churn allocates and frees in an order that depends on the request's number alone,
// and comes again every 1000 requests: any 1000 in a row ask for the same.
static __attribute__((noinline)) void churn(uint64_t seq)
{
	static void *ring[1024];
	uint64_t x = (seq % 1000) * 0x9e3779b97f4a7c15u + 1;

	for (int i = 0; i < 12; i++) {
		void **slot;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		slot = &ring[x % 1024];
		switch (x >> 32 & 7) {
		case 0:
			free(*slot);
			*slot = NULL;
			break;
		case 1:
			*slot = realloc(*slot, 1 + (x >> 40) % 5000);
			break;
		case 2:
			free(*slot);
			*slot = calloc(1 + (x >> 40) % 10, 33);
			break;
		case 3: // grows where it stands, or moves; glibc maps the largest
			*slot = realloc(*slot, 1 + (x >> 40) % 200000);
			break;
		default:
			free(*slot);
			*slot = malloc(1 + (x >> 40) % 2000);
		}
	}
}

// executor waits to execute another program from a thread that doesn't lead the process.
static sem_t due;

static void *executor(void *unused)
{
	(void)unused;
	sem_wait(&due);
	execl("/bin/sleep", "sleep", "60", (char *)NULL);
	die("execute");
	return NULL;
}

static void accident(void)
{
	if (requests == options.exit_at)
		_exit(7);
	if (requests == options.exec_at) {
		sem_post(&due);
		for (;;)
			pause();
	}
	if (requests == options.fork_at) {
		pid_t child = fork();

		if (child == 0) {
			for (int i = 0; i < 1000; i++)
				held(malloc(1000));
			_exit(0);
		}
		waitpid(child, NULL, 0);
	}
}

static void work(void)
{
	requests++;
	if (options.healthy)
		serve_healthily(requests);
	if (options.churn)
		churn(requests);
	if (options.leak && requests % options.every == 0)
		leak_here(options.leak);
	accident();
}

static int answer(int fd, struct connection *c)
{
	ssize_t n = recv(fd, c->in + c->have, sizeof(c->in) - c->have, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	c->have += (size_t)n;
	while (c->have >= HEADER) {
		uint32_t size = frame_size(c->in);

		if (size < HEADER || size > sizeof(c->in) || c->in[4] != VERSION)
			return -1;
		if (c->have < size)
			return 0;
		work();
		c->in[5] = c->in[5] == PING ? PONG : OK;
		for (uint32_t done = 0; done < size; done += (uint32_t)n) {
			n = send(fd, c->in + done, size - done, MSG_NOSIGNAL);
			if (n < 0)
				return -1;
		}
		c->have -= size;
		memmove(c->in, c->in + size, c->have);
	}
	return 0;
}

static void admit(void)
{
	int fd = accept4(polled[0].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (used > MAX_CONNECTIONS) {
		close(fd);
		return;
	}
	connections[used - 1].have = 0;
	polled[used++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void drop(nfds_t i)
{
	close(polled[i].fd);
	used--;
	polled[i] = polled[used];
	connections[i - 1] = connections[used - 1];
}

// What jemalloc and tcmalloc count themselves, where they are preloaded.
extern int mallctl(const char *, void *, size_t *, void *, size_t) __attribute__((weak));
extern int MallocExtension_GetNumericProperty(const char *, size_t *)
    __attribute__((weak));

static size_t allocated(void)
{
	size_t in_use = 0, size = sizeof(in_use);
	uint64_t epoch = 1;

	if (mallctl) {
		if (mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) ||
		    mallctl("stats.allocated", &in_use, &size, NULL, 0))
			die("mallctl");
		return in_use;
	}
	if (MallocExtension_GetNumericProperty) {
		if (!MallocExtension_GetNumericProperty("generic.current_allocated_bytes",
							&in_use))
			die("MallocExtension");
		return in_use;
	}
#ifdef __GLIBC__
	struct mallinfo2 m = mallinfo2();

	in_use = m.uordblks + m.hblkhd;
#endif
	return in_use;
}

// tell says what the allocator counts: blocks in use, with what it adds to them, and
// the pages that it mapped for large ones. 0 where it has no such count.
static void tell(const char *when)
{
	size_t in_use = allocated();
	char line[160];
	int n;

	n = snprintf(line, sizeof(line), "%s requests=%lu in-use=%zu\n", when, requests,
		     in_use);
	if (write(1, line, (size_t)n) != n)
		die("write");
}

static void on_question(int number)
{
	(void)number;
	ended = 2;
}

int main(int argc, char **argv)
{
	struct sigaction stop = {.sa_handler = on_signal};
	struct sigaction question = {.sa_handler = on_question};

	sigset_t heard, none;

	options = read_options(argc, argv);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGUSR1, &question, NULL);
	/* Signals are let in while it waits, and at no other time: none is missed. */
	sigemptyset(&none);
	sigemptyset(&heard);
	sigaddset(&heard, SIGTERM);
	sigaddset(&heard, SIGINT);
	sigaddset(&heard, SIGUSR1);
	sigprocmask(SIG_BLOCK, &heard, NULL);
	if (options.exec_at) {
		pthread_t thread;

		if (sem_init(&due, 0, 0) || pthread_create(&thread, NULL, executor, NULL))
			die("start a thread");
	}
	polled[0] = (struct pollfd){.fd = listen_on(options.path), .events = POLLIN};
	tell("ready");
	while (ended != 1) {
		int n = ppoll(polled, used, NULL, &none);

		if (n < 0 && errno != EINTR)
			die("ppoll");
		if (ended == 2) {
			ended = 0;
			tell("now");
			continue;
		}
		if (ended)
			break;
		for (nfds_t i = used - 1; n > 0 && i > 0; i--)
			if (polled[i].revents &&
			    answer(polled[i].fd, &connections[i - 1]) < 0)
				drop(i);
		if (n > 0 && polled[0].revents)
			admit();
	}
	unlink(options.path);
	tell("done");
	return 0;
}
