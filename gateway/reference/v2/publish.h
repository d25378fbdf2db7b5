// SPDX-License-Identifier: Apache-2.0
// Tasks to NATS, all those of one recv before the first answer is waited for.
#ifndef PUBLISH_H
#define PUBLISH_H

#include "batch.h"
#include "upstream.h"

struct publisher {
	struct upstream *upstream;
	natsInbox *inbox;		    // the subject under which answers come back
	natsSubscription *reply;	    // to everything below it
	uint64_t next;			    // number of the next task
	uint64_t first;			    // number of the first task that is waited for
	unsigned int open;		    // how many of them have no answer yet
	unsigned int places[BATCH_ANSWERS]; // in the batch, by number - first
	bool done[BATCH_ANSWERS];
};

// publisher_open subscribes to the answers. It returns 0, or -1 with *why set.
int publisher_open(struct publisher *p, struct upstream *up, const char **why);

// nats_publish sends the payload as a request on subject; its answer will fill a place
// of the batch. It returns 0, or -1 with *fault set.
int nats_publish(struct publisher *p, const char *subject, const char *payload,
		 size_t len, unsigned int place, struct ipc_fault *fault);

// nats_collect waits for the answers to everything published since it was last called,
// and fills their places. It gives up when none came for the upstream's timeout.
void nats_collect(struct publisher *p, struct batch *b);

void publisher_close(struct publisher *p);

#endif
