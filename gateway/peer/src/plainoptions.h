// SPDX-License-Identifier: Apache-2.0
// The command line of plainclient.
#ifndef PLAINOPTIONS_H
#define PLAINOPTIONS_H

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire.h"

struct options {
	const char *socket;
	long connections, pipeline, payload, type, requests;
	double duration, warmup;
	const char *log; // answers of each millisecond go there at the end
};

static inline void usage(void)
{
	fputs("usage: plainclient --socket PATH [--connections N] [--pipeline N] "
	      "[--payload BYTES]\n"
	      "  [--type N] [--duration SECONDS] [--warmup SECONDS] [--requests N]\n"
	      "  [--log FILE]\n",
	      stderr);
	exit(2);
}

static inline double number(const char *name, const char *text, double low, double high)
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

static inline struct options read_options(int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", 1, NULL, 's'},	{"connections", 1, NULL, 'c'},
	    {"pipeline", 1, NULL, 'p'}, {"payload", 1, NULL, 'b'},
	    {"type", 1, NULL, 't'},	{"duration", 1, NULL, 'd'},
	    {"warmup", 1, NULL, 'w'},	{"requests", 1, NULL, 'n'},
	    {"log", 1, NULL, 'l'},	{NULL, 0, NULL, 0},
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
		case 'l':
			o.log = optarg;
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

#endif
