// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

const char options_usage[] =
    "usage: " GATEWAY_NAME " --socket PATH [--nats URL | --no-nats]\n"
    "  --socket PATH          the Unix socket to listen on\n"
    "  --nats URL             the NATS server (default nats://127.0.0.1:4222)\n"
    "  --no-nats              answer tasks here, without NATS\n"
    "  --nats-timeout-ms N    how long to wait for a worker (default 2000)\n";

static int wrong(const char *what)
{
	fprintf(stderr, GATEWAY_NAME ": %s\n%s", what, options_usage);
	return -1;
}

int options_read(struct options *o, int argc, char **argv)
{
	static const struct option names[] = {
	    {"socket", required_argument, NULL, 's'},
	    {"nats", required_argument, NULL, 'n'},
	    {"no-nats", no_argument, NULL, 'N'},
	    {"nats-timeout-ms", required_argument, NULL, 't'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	bool no_nats = false;
	char *end;
	int c;

	*o = (struct options){.nats_timeout_ms = 2000};
	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 's':
			o->socket = optarg;
			break;
		case 'n':
			o->nats = optarg;
			break;
		case 'N':
			no_nats = true;
			break;
		case 't':
			o->nats_timeout_ms = strtoll(optarg, &end, 10);
			if (*end || end == optarg || o->nats_timeout_ms < 1 ||
			    o->nats_timeout_ms > 3600000)
				return wrong("--nats-timeout-ms takes 1 to 3600000");
			break;
		case 'h':
			o->help = true;
			return 0;
		default: // getopt has said what is wrong
			fputs(options_usage, stderr);
			return -1;
		}
	}
	if (optind < argc)
		return wrong("there are no arguments beside the options");
	if (!o->socket || !o->socket[0])
		return wrong("--socket PATH is missing");
	if (no_nats && o->nats)
		return wrong("--nats and --no-nats exclude each other");
	if (!no_nats && !o->nats)
		o->nats = "nats://127.0.0.1:4222";
	return 0;
}
