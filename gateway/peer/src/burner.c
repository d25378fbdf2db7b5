// SPDX-License-Identifier: Apache-2.0
// burner: a server that burns known shares of its time in functions of known names. All
// run the same loop, whose steps wait for one another, so that a step takes the same time
// wherever it stands; the shares are those of the steps. No two are alike, or the
// compiler makes one function of both.
#define _GNU_SOURCE
#include "serve.h"

// Steps of a request, in thousands; burner_test.go in cmd/ipcprobe has the same.
enum { DECODE = 35, PUBLISH = 24, PARSE = 15, REST = 26 };

static unsigned char payload[MAX_FRAME];
static volatile uint64_t sink;

static inline __attribute__((always_inline)) void burn(int thousands)
{
	uint64_t x = sink;

	for (int i = 0; i < thousands * 1000; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		__asm__ volatile("" : "+r"(x));
	}
	sink = x;
}

__attribute__((noinline)) static void ipc_protocol_decode(void)
{
	burn(DECODE);
}

__attribute__((noinline)) static void nats_publish(void)
{
	burn(PUBLISH);
}

__attribute__((noinline)) static void json_parse(void)
{
	burn(PARSE);
}

__attribute__((noinline)) static void respond(void)
{
	burn(REST);
}

static int handle(int fd)
{
	unsigned char head[HEADER];
	uint32_t size;

	if (read_all(fd, head, HEADER, HEADER) < 0)
		return -1;
	size = frame_size(head);
	if (size < HEADER || size > MAX_FRAME ||
	    read_all(fd, payload, size - HEADER, MAX_FRAME) < 0)
		return -1;
	ipc_protocol_decode();
	nats_publish();
	json_parse();
	respond();
	return answer_empty(fd, head[5]);
}

int main(int argc, char **argv)
{
	serve(serve_path(argc, argv, NULL, NULL), handle);
	return 0;
}
