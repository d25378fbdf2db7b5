// SPDX-License-Identifier: Apache-2.0
// The command line of stampserver.
#ifndef STAMPOPTIONS_H
#define STAMPOPTIONS_H

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

struct options {
	const char *path, *log;
	uint64_t busy_ns, burn_ns, pause_ns, stall_ns, stall_at;
	double pause_share;
	uint64_t
	    read; // bytes that a recv asks for at most; 0: as many as there is room for
	long respond; // bytes of an answer's payload; -1: as many as the request's
};

static inline uint64_t number(const char *name, const char *text, uint64_t high)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*end || end == text || text[0] == '-' || v > high) {
		fprintf(stderr, "stampserver: --%s takes 0 to %lu\n", name, high);
		exit(2);
	}
	return v;
}

static inline double share(const char *text)
{
	char *end;
	double v = strtod(text, &end);

	if (*end || end == text || !(v >= 0 && v <= 100)) {
		fputs("stampserver: --pause-pct takes 0 to 100\n", stderr);
		exit(2);
	}
	return v / 100;
}

static inline struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", 1, NULL, 's'},	  {"log", 1, NULL, 'l'},
	    {"busy-us", 1, NULL, 'b'},	  {"pause-us", 1, NULL, 'p'},
	    {"pause-pct", 1, NULL, 'c'},  {"stall-ms", 1, NULL, 'S'},
	    {"stall-at", 1, NULL, 'a'},	  {"respond-bytes", 1, NULL, 'r'},
	    {"read-bytes", 1, NULL, 'R'}, {"burn-us", 1, NULL, 'B'},
	    {NULL, 0, NULL, 0},
	};
	struct options o = {.respond = -1};
	int c, i;

	while ((c = getopt_long(argc, argv, "", names, &i)) != -1) {
		switch (c) {
		case 's':
			o.path = optarg;
			break;
		case 'l':
			o.log = optarg;
			break;
		case 'b':
			o.busy_ns = number(names[i].name, optarg, 10000000) * 1000;
			break;
		case 'B':
			o.burn_ns = number(names[i].name, optarg, 10000000) * 1000;
			break;
		case 'p':
			o.pause_ns = number(names[i].name, optarg, 10000000) * 1000;
			break;
		case 'c':
			o.pause_share = share(optarg);
			break;
		case 'S':
			o.stall_ns = number(names[i].name, optarg, 60000) * 1000000;
			break;
		case 'a':
			o.stall_at = number(names[i].name, optarg, UINT64_MAX / 2);
			break;
		case 'R':
			o.read = number(names[i].name, optarg, MAX_FRAME);
			break;
		case 'r':
			o.respond =
			    (long)number(names[i].name, optarg, MAX_FRAME - HEADER);
			break;
		default:
			o.path = NULL;
			optind = argc;
		}
	}
	if (!o.path || optind < argc) {
		fputs("usage: stampserver --socket PATH [--log FILE] [--busy-us N]\n"
		      "  [--burn-us N] [--pause-us N --pause-pct P] [--stall-ms N "
		      "--stall-at REQUEST]\n"
		      "  [--respond-bytes N] [--read-bytes N]\n",
		      stderr);
		exit(2);
	}
	return o;
}

#endif
