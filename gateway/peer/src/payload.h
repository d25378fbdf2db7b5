// SPDX-License-Identifier: Apache-2.0
// The default body of a request, byte for byte that of the load generator (wire.Payload):
// two clients that are compared must give the server the same work.
#ifndef PAYLOAD_H
#define PAYLOAD_H

#include <string.h>

struct body {
	const char *head, *tail; // the padding stands between them
};

// fill pads the first body that is not longer than size; it returns 0 when all are.
static inline int fill(const struct body *bodies, unsigned char *out, size_t size)
{
	for (; bodies->head; bodies++) {
		size_t head = strlen(bodies->head), tail = strlen(bodies->tail);

		if (head + tail > size)
			continue;
		memset(out, bodies->head[head - 1] == '{' ? ' ' : 'x', size);
		memcpy(out, bodies->head, head);
		memcpy(out + size - tail, bodies->tail, tail);
		return 1;
	}
	return 0;
}

static inline void payload(unsigned char type, unsigned char *out, size_t size)
{
	static const struct body submit[] = {
	    {"{\"task_id\":\"probe-1\",\"id\":\"probe-1\",\"type\":\"echo\",\"action\":"
	     "\"echo\","
	     "\"payload\":{\"pad\":\"",
	     "\"}}"},
	    {"{\"task_id\":\"probe-1\",\"action\":\"echo\",\"params\":{\"pad\":\"",
	     "\"}}"},
	    {"{\"task_id\":\"p\",\"action\":\"echo\",\"pad\":\"", "\"}"},
	    {NULL, NULL},
	};
	static const struct body task[] = {
	    {"{\"task_id\":\"probe-1\",\"id\":\"probe-1\",\"payload\":{\"pad\":\"",
	     "\"}}"},
	    {"{\"task_id\":\"probe-1\",\"pad\":\"", "\"}"},
	    {NULL, NULL},
	};
	static const struct body stream[] = {
	    {"{\"stream\":\"probe\",\"task_id\":\"probe-1\",\"id\":\"probe-1\","
	     "\"payload\":{\"pad\":\"",
	     "\"}}"},
	    {"{\"stream\":\"probe\",\"pad\":\"", "\"}"},
	    {NULL, NULL},
	};
	static const struct body any[] = {
	    {"{\"task_id\":\"", "\"}"},
	    {"{\"id\":\"", "\"}"},
	    {"{\"\":\"", "\"}"},
	    {"{", "}"},
	    {NULL, NULL},
	};
	const struct body *bodies = type == 2 || type == 3 ? task
				    : type == 4		   ? stream
							   : submit;

	if (size == 1)
		out[0] = '1';
	else if (size > 1 && !fill(bodies, out, size))
		fill(any, out, size);
}

#endif
