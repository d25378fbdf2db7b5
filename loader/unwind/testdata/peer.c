// SPDX-License-Identifier: Apache-2.0
/*
 * A program that spends its time in one kind of code, named by its argument, on
 * a stack some frames deep, until it is killed. It writes a line when it is there.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#ifdef LIBRARIES
#include <jansson.h>
#include <nats/nats.h>
#endif

#define KEEP __attribute__((noinline, noclone))

static const char *kind;
static const char *library;
volatile unsigned long sink;

/* A leaf without a call, some frames up, with and without saved registers. */
KEEP unsigned long peer_leaf(unsigned long n)
{
	unsigned long a = n;

	for (int i = 0; i < 20000; i++)
		a = a * 2862933555777941757UL + 3037000493UL;
	return a;
}

KEEP unsigned long peer_deep(unsigned long n, int depth)
{
	unsigned long a = n * 3, b = n ^ 5, c = n + 7;

	if (depth == 0)
		return peer_leaf(n);
	a = peer_deep(a + b + c, depth - 1) >> 1 | a;
	return a ^ b ^ c;
}

KEEP void peer_frames(void)
{
	sink += peer_deep(sink, 20);
}

KEEP void peer_very_deep(void)
{
	sink += peer_deep(sink, 100);
}

/* The stack pointer aligned beyond the ABI's, and moved by an unknown amount. */
KEEP unsigned long peer_aligned(unsigned long n)
{
	unsigned long words[32] __attribute__((aligned(256)));
	char *memory = __builtin_alloca(n & 1023);

	memset(memory, 1, n & 1023);
	for (int i = 0; i < 32; i++)
		words[i] = peer_leaf(n + i) + (unsigned long)memory;
	return words[n & 31];
}

KEEP void peer_realign(void)
{
	sink += peer_aligned(sink | 1);
}

KEEP void peer_send(int fd)
{
	char frame[4 << 20];

	memset(frame, 7, 4096);
	for (int i = 0; i < 64; i++) {
		if (send(fd, frame, 65536, 0) < 0)
			exit(1);
		for (int got = 0; got < 65536;) {
			ssize_t n = recv(fd + 1, frame + (1 << 20), 65536, 0);

			if (n <= 0)
				exit(1);
			got += (int)n;
		}
	}
	sink += frame[sink & 0xfff];
}

KEEP void peer_large(void)
{
	static int ends[2];

	if (ends[1] == 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
			exit(1);
		if (ends[1] != ends[0] + 1)
			exit(1);
	}
	peer_send(ends[0]);
}

KEEP void peer_copy(void)
{
	static char from[1 << 20], to[1 << 20];

	for (int i = 0; i < 20; i++) {
		memcpy(to, from + (sink & 1), sizeof(to) - 1);
		sink += to[100];
	}
}

KEEP void peer_clock(void)
{
	struct timespec now;

	for (int i = 0; i < 10000; i++) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		sink += (unsigned long)now.tv_nsec;
	}
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a < *(const int *)b ? -1 : *(const int *)a > *(const int *)b;
}

/* A call from a library back into the program, and many short calls through stubs. */
KEEP void peer_stubs(void)
{
	static int numbers[4096];

	for (int i = 0; i < 4096; i++)
		numbers[i] = (int)(random() >> 3);
	qsort(numbers, 4096, sizeof(int), compare);
	sink += (unsigned long)numbers[7];
}

static void peer_handler(int signal)
{
	(void)signal;
	sink += peer_deep(sink, 3);
}

/* Work in a handler that interrupted work, now and then on a stack of its own. */
KEEP void peer_signals(void)
{
	static int ready;

	if (!ready) {
		struct itimerval every = {{0, 500}, {0, 500}};
		stack_t other = {.ss_sp = malloc(1 << 20), .ss_size = 1 << 20};
		struct sigaction action = {.sa_handler = peer_handler};

		ready = 1;
		if (strcmp(kind, "sigaltstack") == 0) {
			sigaltstack(&other, NULL);
			action.sa_flags = SA_ONSTACK;
		}
		sigaction(SIGPROF, &action, NULL);
		sigaction(SIGUSR1, &action, NULL);
		setitimer(ITIMER_PROF, &every, NULL);
	}
	raise(SIGUSR1);
	sink += peer_leaf(sink);
}

KEEP void peer_load(void)
{
	static void (*work)(void);
	static struct timespec start;
	struct timespec now;
	void *handle;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!start.tv_sec)
		start = now;
	if (!work && now.tv_sec - start.tv_sec >= 2) {
		handle = dlopen(library, RTLD_NOW);
		if (!handle || !(work = (void (*)(void))dlsym(handle, "library_work"))) {
			fprintf(stderr, "%s\n", dlerror());
			exit(1);
		}
	}
	if (work)
		work();
	else
		peer_frames();
}

/* The linker's resolver, which looks a symbol up at its first call. */
KEEP void peer_lazy(void)
{
	void *handle = dlopen(library, RTLD_LAZY);
	void (*work)(void);

	if (!handle || !(work = (void (*)(void))dlsym(handle, "library_resolve")))
		exit(1);
	work();
	dlclose(handle);
}

#if defined(__x86_64__)
/* Code that lies in no file, and calls back into the program. */
KEEP void peer_made(void)
{
	static void (*made)(void (*)(void));
	/* push rbx; call rdi; pop rbx; ret */
	static const unsigned char code[] = {0x53, 0xff, 0xd7, 0x5b, 0xc3};

	if (!made) {
		void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		memcpy(memory, code, sizeof(code));
		if (mprotect(memory, 4096, PROT_READ | PROT_EXEC))
			exit(1);
		made = (void (*)(void (*)(void)))memory;
	}
	made(peer_frames);
}
#endif

#ifdef __GLIBC__
static ucontext_t main_context, other_context;

static void peer_coroutine(void)
{
	for (;;) {
		sink += peer_deep(sink, 5);
		swapcontext(&other_context, &main_context);
	}
}

KEEP void peer_contexts(void)
{
	static int ready;

	if (!ready) {
		ready = 1;
		getcontext(&other_context);
		other_context.uc_stack.ss_sp = malloc(1 << 20);
		other_context.uc_stack.ss_size = 1 << 20;
		makecontext(&other_context, peer_coroutine, 0);
	}
	swapcontext(&main_context, &other_context);
}

#endif

static void *peer_short(void *unused)
{
	(void)unused;
	sink += peer_leaf(1);
	return NULL;
}

/* Threads that come and go. */
KEEP void peer_threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, peer_short, NULL))
		exit(1);
	pthread_join(thread, NULL);
}

#ifdef LIBRARIES
KEEP void peer_jansson(void)
{
	json_t *json =
	    json_loads("{\"a\":[1,2,3,{\"b\":\"text\"}],\"c\":1.5,\"d\":null}", 0, NULL);
	char *text = json_dumps(json, JSON_SORT_KEYS);

	sink += (unsigned long)text[1];
	free(text);
	json_decref(json);
}

/* The library's parts that need no server: random names, and options. */
KEEP void peer_nats(void)
{
	natsOptions *options = NULL;
	char inbox[64];

	if (natsOptions_Create(&options) != NATS_OK)
		exit(1);
	for (int i = 0; i < 8; i++) {
		natsInbox *name = NULL;

		snprintf(inbox, sizeof(inbox), "nats://user:word@host%d:4222", i);
		natsOptions_SetURL(options, inbox);
		natsOptions_SetName(options, inbox);
		if (natsInbox_Create(&name) == NATS_OK)
			natsInbox_Destroy(name);
	}
	natsOptions_Destroy(options);
}
#endif

static const struct {
	const char *kind;
	void (*work)(void);
} kinds[] = {
    {"frames", peer_frames},	 {"deep", peer_very_deep},  {"realign", peer_realign},
    {"large", peer_large},	 {"copy", peer_copy},	    {"clock", peer_clock},
    {"stubs", peer_stubs},	 {"signals", peer_signals}, {"sigaltstack", peer_signals},
    {"load", peer_load},	 {"lazy", peer_lazy},	    {"threads", peer_threads},
    {"in-thread", peer_frames},
#ifdef __GLIBC__
    {"contexts", peer_contexts},
#endif
#if defined(__x86_64__)
    {"made", peer_made},
#endif
#ifdef LIBRARIES
    {"jansson", peer_jansson},	 {"nats", peer_nats},
#endif
};

KEEP void *peer_loop(void *work)
{
	for (;;)
		((void (*)(void))work)();
	return NULL;
}

int main(int argc, char **argv)
{
	void (*work)(void) = NULL;
	pthread_t thread;

	if (argc < 2)
		return 2;
	kind = argv[1];
	library = argc > 2 ? argv[2] : NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			work = kinds[i].work;
	if (!work)
		return 2;
	puts("ready");
	fflush(stdout);
	if (strcmp(kind, "in-thread") == 0) {
		if (pthread_create(&thread, NULL, peer_loop, (void *)work))
			return 1;
		pthread_join(thread, NULL);
	}
	peer_loop((void *)work);
	return 0;
}
