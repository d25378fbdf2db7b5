// SPDX-License-Identifier: Apache-2.0
// The command line of leaky.
#ifndef LEAKOPTIONS_H
#define LEAKOPTIONS_H

#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum via { VIA_MALLOC, VIA_CALLOC, VIA_REALLOC, VIA_STRDUP, VIA_MMAP };

struct options {
	const char *path;
	uint64_t healthy, churn;	    // whether it does these
	uint64_t leak, every;		    // bytes, in each so manieth request
	uint64_t fork_at, exec_at, exit_at; // request; 0: never
	enum via via;
};

static inline uint64_t number(const char *name, const char *text, uint64_t high)
{
	char *end;
	unsigned long long v = strtoull(text, &end, 10);

	if (*end || end == text || text[0] == '-' || v > high) {
		fprintf(stderr, "leaky: --%s takes 0 to %lu\n", name, high);
		exit(2);
	}
	return v;
}

static inline enum via way(const char *text)
{
	static const char *const names[] = {"malloc", "calloc", "realloc", "strdup",
					    "mmap"};

	for (int i = 0; i < 5; i++)
		if (!strcmp(text, names[i]))
			return (enum via)i;
	fputs("leaky: --via takes malloc, calloc, realloc, strdup or mmap\n", stderr);
	exit(2);
}

static inline struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", 1, NULL, 's'},  {"healthy", 0, NULL, 'h'},
	    {"churn", 0, NULL, 'c'},   {"leak", 1, NULL, 'l'},
	    {"every", 1, NULL, 'e'},   {"via", 1, NULL, 'v'},
	    {"fork-at", 1, NULL, 'F'}, {"exec-at", 1, NULL, 'X'},
	    {"exit-at", 1, NULL, 'Q'}, {NULL, 0, NULL, 0},
	};
	struct options o = {.every = 1};
	int c, i;

	while ((c = getopt_long(argc, argv, "", names, &i)) != -1) {
		switch (c) {
		case 's':
			o.path = optarg;
			break;
		case 'h':
			o.healthy = 1;
			break;
		case 'c':
			o.churn = 1;
			break;
		case 'l':
			o.leak = number(names[i].name, optarg, 1 << 20);
			break;
		case 'e':
			o.every = number(names[i].name, optarg, 1 << 30);
			break;
		case 'v':
			o.via = way(optarg);
			break;
		case 'F':
			o.fork_at = number(names[i].name, optarg, 1 << 30);
			break;
		case 'X':
			o.exec_at = number(names[i].name, optarg, 1 << 30);
			break;
		case 'Q':
			o.exit_at = number(names[i].name, optarg, 1 << 30);
			break;
		default:
			o.path = NULL;
			optind = argc;
		}
	}
	if (!o.path || !o.every || optind < argc) {
		fputs("usage: leaky --socket PATH [--healthy] [--churn] [--leak BYTES]\n"
		      "  [--every REQUESTS] [--via malloc|calloc|realloc|strdup|mmap]\n"
		      "  [--fork-at REQUEST] [--exec-at REQUEST] [--exit-at REQUEST]\n",
		      stderr);
		exit(2);
	}
	return o;
}

#endif
