// SPDX-License-Identifier: Apache-2.0
#include "dispatch.h"

#include <string.h>

#include "json.h"
#include "service.h"

static const char capabilities[] =
    "{\"name\":\"ipc-gateway\",\"build\":\"v2\",\"version\":1,\"max_frame\":4194304,"
    "\"max_clients\":64,\"types\":[1,2,3,4,240,242]}";

static void answer(struct client *c, uint8_t type, const void *payload, size_t len)
{
	batch_answer(&c->out, batch_place(&c->out), type, payload, len);
}

static void fault_of_type(struct client *c, uint8_t type, enum ipc_error code,
			  const char *message)
{
	struct ipc_fault fault = {code, message};

	batch_fault(&c->out, batch_place(&c->out), type, &fault);
}

void dispatch_refuse(struct client *c, const struct ipc_fault *fault)
{
	c->last = true;
	batch_fault(&c->out, batch_place(&c->out), IPC_RESPONSE_ERROR, fault);
}

// work forwards a task to NATS, or, without NATS, gives back the payload as the worker
// for echo does.
static void work(struct client *c, struct publisher *p, const char *subject,
		 const struct ipc_message *msg)
{
	unsigned int place;
	struct ipc_fault fault;

	if (!p->upstream->conn) {
		answer(c, IPC_RESPONSE_OK, msg->payload, msg->payload_len);
		return;
	}
	place = batch_place(&c->out);
	if (nats_publish(p, subject, msg->payload, msg->payload_len, place, &fault) < 0)
		batch_fault(&c->out, place, IPC_RESPONSE_ERROR, &fault);
}

// subscribe starts a stream of as many data frames as the payload's "count" says.
static void subscribe(struct client *c, const struct json_member *count)
{
	int64_t frames = STREAM_FRAMES;

	if (count->found) {
		frames = count->value;
		if (!count->integer || frames < 0 || frames > STREAM_FRAMES_MAX) {
			fault_of_type(c, IPC_STREAM_ERROR, IPC_E_PAYLOAD,
				      "count is not within 0 and 1000000");
			return;
		}
	}
	c->streaming = true;
	c->stream_left = (uint64_t)frames;
	c->stream_seq = 0;
}

void dispatch_stream(struct client *c)
{
	unsigned int place = batch_place(&c->out);

	if (c->stream_left == 0) {
		c->streaming = false;
		batch_text(&c->out, place, IPC_STREAM_COMPLETE, "{\"frames\":%llu}",
			   (unsigned long long)c->stream_seq);
		return;
	}
	c->stream_left--;
	batch_text(&c->out, place, IPC_STREAM_DATA, "{\"seq\":%llu}",
		   (unsigned long long)++c->stream_seq);
}

void dispatch(struct client *c, struct publisher *p, const struct ipc_message *msg)
{
	struct json_member count = {.name = "count"};

	if (msg->payload_len > 0 &&
	    !json_parse(msg->payload, msg->payload_len,
			msg->type == IPC_STREAM_SUBSCRIBE ? &count : NULL)) {
		fault_of_type(c,
			      msg->type == IPC_STREAM_SUBSCRIBE ? IPC_STREAM_ERROR
								: IPC_RESPONSE_ERROR,
			      IPC_E_PAYLOAD, "payload is not JSON");
		return;
	}
	switch (msg->type) {
	case IPC_TASK_SUBMIT:
		work(c, p, "gateway.submit", msg);
		break;
	case IPC_TASK_QUERY:
		work(c, p, "gateway.query", msg);
		break;
	case IPC_TASK_CANCEL:
		work(c, p, "gateway.cancel", msg);
		break;
	case IPC_STREAM_SUBSCRIBE:
		subscribe(c, &count);
		break;
	case IPC_PING:
		answer(c, IPC_PONG, msg->payload, msg->payload_len);
		break;
	case IPC_CAPABILITIES:
		answer(c, IPC_CAPABILITIES, capabilities, strlen(capabilities));
		break;
	default:
		fault_of_type(c, IPC_RESPONSE_ERROR, IPC_E_TYPE,
			      "message type is an answer, not a request");
	}
}
