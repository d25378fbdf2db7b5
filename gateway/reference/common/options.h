// SPDX-License-Identifier: Apache-2.0
// The command line.
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	const char *socket;
	const char *nats; // NULL: --no-nats
	int64_t nats_timeout_ms;
	bool help;
};

// options_read returns 0, or -1 after a message on standard error.
int options_read(struct options *o, int argc, char **argv);

extern const char options_usage[];

#endif
