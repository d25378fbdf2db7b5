// SPDX-License-Identifier: Apache-2.0
// The command line of shapeserver and uringserver.
#ifndef SHAPEOPTIONS_H
#define SHAPEOPTIONS_H

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

struct options {
	const char *path, *log, *shape;
	int type; // of the socket
	unsigned workers;
	uint64_t busy_ns, successor;
};

static inline uint64_t number(const char *program, const char *name, const char *text,
			      uint64_t high)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*end || end == text || text[0] == '-' || v > high) {
		fprintf(stderr, "%s: --%s takes 0 to %lu\n", program, name, high);
		exit(2);
	}
	return v;
}

static inline int type_of(const char *name)
{
	if (!strcmp(name, "stream"))
		return SOCK_STREAM;
	if (!strcmp(name, "seqpacket"))
		return SOCK_SEQPACKET;
	if (!strcmp(name, "dgram"))
		return SOCK_DGRAM;
	return -1;
}

static inline struct options read_options(int argc, char **argv, const char *program,
					  const char *usage)
{
	static const struct option names[] = {
	    {"socket", 1, NULL, 's'},	 {"log", 1, NULL, 'l'},
	    {"shape", 1, NULL, 'h'},	 {"type", 1, NULL, 't'},
	    {"workers", 1, NULL, 'w'},	 {"busy-us", 1, NULL, 'b'},
	    {"successor", 1, NULL, 'S'}, {NULL, 0, NULL, 0},
	};
	struct options o = {.shape = "", .type = SOCK_STREAM, .workers = 2};
	int c, i;

	while ((c = getopt_long(argc, argv, "", names, &i)) != -1) {
		switch (c) {
		case 's':
			o.path = optarg;
			break;
		case 'l':
			o.log = optarg;
			break;
		case 'h':
			o.shape = optarg;
			break;
		case 't':
			o.type = type_of(optarg);
			break;
		case 'w':
			o.workers = (unsigned)number(program, names[i].name, optarg, 64);
			break;
		case 'b':
			o.busy_ns =
			    number(program, names[i].name, optarg, 10000000) * 1000;
			break;
		case 'S':
			o.successor = number(program, names[i].name, optarg, UINT32_MAX);
			break;
		default:
			o.path = NULL;
			optind = argc;
		}
	}
	if (!o.path || optind < argc || o.type < 0) {
		fputs(usage, stderr);
		exit(2);
	}
	return o;
}

#endif
