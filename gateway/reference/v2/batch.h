// SPDX-License-Identifier: Apache-2.0
// The answers to the frames of one recv, which leave with one sendmsg: a header of six
// bytes each, and the payload from where it lies.
#ifndef BATCH_H
#define BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <nats/nats.h>

#include "ipc.h"

enum {
	BATCH_ANSWERS = 256,  // two parts each: within the 1024 that sendmsg takes
	BATCH_TEXT_MAX = 256, // the longest text of one answer
	BATCH_TEXT = BATCH_ANSWERS * BATCH_TEXT_MAX,
};

struct batch {
	unsigned int answers;
	unsigned int sent; // parts that the socket took whole
	unsigned int replies;
	size_t text_len;
	struct iovec parts[2 * BATCH_ANSWERS];
	unsigned char heads[BATCH_ANSWERS][IPC_HEADER];
	natsMsg *reply[BATCH_ANSWERS]; // lent by answers, destroyed with the batch
	char text[BATCH_TEXT];	       // payloads made here
};

// batch_full says that there is no room for one more answer.
bool batch_full(const struct batch *b);

// batch_empty says that nothing waits to be sent.
bool batch_empty(const struct batch *b);

// batch_place keeps the place of an answer that is not known yet, for batch_answer.
unsigned int batch_place(struct batch *b);

// batch_answer fills a place. The payload must stay where it is until it is sent.
void batch_answer(struct batch *b, unsigned int place, uint8_t type, const void *payload,
		  size_t len);

// batch_reply fills a place with what NATS answered, which the batch then owns.
void batch_reply(struct batch *b, unsigned int place, uint8_t type, natsMsg *reply);

// batch_text fills a place with text in the manner of printf, cut off at 255 bytes.
__attribute__((format(printf, 4, 5))) void
batch_text(struct batch *b, unsigned int place, uint8_t type, const char *format, ...);

// batch_fault fills a place with an error (0x11, or 0x07 in a stream).
void batch_fault(struct batch *b, unsigned int place, uint8_t type,
		 const struct ipc_fault *fault);

enum batch_state { BATCH_SENT, BATCH_BLOCKED, BATCH_GONE };

// batch_send sends what is there with one sendmsg, and goes on only where the socket
// took a part. BATCH_BLOCKED: call again when it takes more.
enum batch_state batch_send(struct batch *b, int fd);

// batch_clear lets go of everything, sent or not.
void batch_clear(struct batch *b);

#endif
