// SPDX-License-Identifier: Apache-2.0
#include "batch.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

bool batch_full(const struct batch *b)
{
	return b->answers == BATCH_ANSWERS;
}

bool batch_empty(const struct batch *b)
{
	return b->answers == 0;
}

unsigned int batch_place(struct batch *b)
{
	return b->answers++;
}

void batch_answer(struct batch *b, unsigned int place, uint8_t type, const void *payload,
		  size_t len)
{
	ipc_header_put(b->heads[place], type, len);
	b->parts[2 * place] = (struct iovec){b->heads[place], IPC_HEADER};
	b->parts[2 * place + 1] = (struct iovec){(void *)payload, len};
}

void batch_reply(struct batch *b, unsigned int place, uint8_t type, natsMsg *reply)
{
	b->reply[b->replies++] = reply;
	batch_answer(b, place, type, natsMsg_GetData(reply),
		     (size_t)natsMsg_GetDataLength(reply));
}

void batch_text(struct batch *b, unsigned int place, uint8_t type, const char *format,
		...)
{
	char *to = b->text + b->text_len;
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(to, BATCH_TEXT_MAX, format, list);
	va_end(list);
	if (n < 0)
		n = 0;
	if (n >= BATCH_TEXT_MAX)
		n = BATCH_TEXT_MAX - 1;
	b->text_len += (size_t)n;
	batch_answer(b, place, type, to, (size_t)n);
}

void batch_fault(struct batch *b, unsigned int place, uint8_t type,
		 const struct ipc_fault *fault)
{
	batch_text(b, place, type,
		   "{\"ok\":false,\"error\":{\"code\":%d,\"message\":\"%s\"}}",
		   fault->code, fault->message);
}

// take passes over n bytes that the socket took.
static void take(struct batch *b, size_t n)
{
	for (; b->sent < 2 * b->answers; b->sent++) {
		struct iovec *part = &b->parts[b->sent];

		if (n < part->iov_len) {
			part->iov_base = (char *)part->iov_base + n;
			part->iov_len -= n;
			return;
		}
		n -= part->iov_len;
	}
}

enum batch_state batch_send(struct batch *b, int fd)
{
	while (b->sent < 2 * b->answers) {
		struct msghdr msg = {
		    .msg_iov = b->parts + b->sent,
		    .msg_iovlen = 2 * b->answers - b->sent,
		};
		ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);

		if (n >= 0)
			take(b, (size_t)n);
		else if (errno == EAGAIN)
			return BATCH_BLOCKED;
		else if (errno != EINTR)
			return BATCH_GONE;
	}
	batch_clear(b);
	return BATCH_SENT;
}

void batch_clear(struct batch *b)
{
	for (unsigned int i = 0; i < b->replies; i++)
		natsMsg_Destroy(b->reply[i]);
	b->answers = b->sent = b->replies = 0;
	b->text_len = 0;
}
