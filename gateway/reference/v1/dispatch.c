// SPDX-License-Identifier: Apache-2.0
#include "dispatch.h"

#include <stdio.h>
#include <string.h>

#include "json.h"
#include "service.h"

static const char capabilities[] =
    "{\"name\":\"ipc-gateway\",\"build\":\"v1\",\"version\":1,\"max_frame\":4194304,"
    "\"max_clients\":64,\"types\":[1,2,3,4,240,242]}";

enum client_state dispatch_fault(struct client *c, uint8_t type,
				 const struct ipc_fault *fault)
{
	char text[256];
	int n = snprintf(text, sizeof(text),
			 "{\"ok\":false,\"error\":{\"code\":%d,\"message\":\"%s\"}}",
			 fault->code, fault->message);

	return client_answer(c, type, text, (size_t)n);
}

// work forwards a task to NATS, or, without NATS, gives back the payload as the worker
// for echo does.
static enum client_state work(struct client *c, struct upstream *up, const char *subject,
			      const struct ipc_message *msg)
{
	enum client_state state;
	struct ipc_fault fault;
	natsMsg *reply = NULL;

	if (!up->conn)
		return client_answer(c, IPC_RESPONSE_OK, msg->payload, msg->payload_len);
	if (nats_publish(up, subject, msg->payload, msg->payload_len, &reply, &fault) < 0)
		return dispatch_fault(c, IPC_RESPONSE_ERROR, &fault);
	if (natsMsg_GetDataLength(reply) > IPC_MAX_PAYLOAD) {
		fault = (struct ipc_fault){IPC_E_TOO_LARGE,
					   "the answer is above 4194304 bytes"};
		state = dispatch_fault(c, IPC_RESPONSE_ERROR, &fault);
	} else {
		state = client_answer(c, IPC_RESPONSE_OK, natsMsg_GetData(reply),
				      (size_t)natsMsg_GetDataLength(reply));
	}
	natsMsg_Destroy(reply);
	return state;
}

// subscribe starts a stream of as many data frames as the payload's "count" says.
static enum client_state subscribe(struct client *c, const json_t *body)
{
	const json_t *count = json_object_get(body, "count");
	json_int_t frames = STREAM_FRAMES;

	if (count) {
		frames = json_integer_value(count);
		if (!json_is_integer(count) || frames < 0 || frames > STREAM_FRAMES_MAX) {
			struct ipc_fault fault = {IPC_E_PAYLOAD,
						  "count is not within 0 and 1000000"};
			return dispatch_fault(c, IPC_STREAM_ERROR, &fault);
		}
	}
	c->streaming = true;
	c->stream_left = (uint64_t)frames;
	c->stream_seq = 0;
	return CLIENT_LIVES;
}

enum client_state dispatch_stream(struct client *c)
{
	char text[64];
	int n;

	if (c->stream_left == 0) {
		c->streaming = false;
		n = snprintf(text, sizeof(text), "{\"frames\":%llu}",
			     (unsigned long long)c->stream_seq);
		return client_answer(c, IPC_STREAM_COMPLETE, text, (size_t)n);
	}
	c->stream_left--;
	n = snprintf(text, sizeof(text), "{\"seq\":%llu}",
		     (unsigned long long)++c->stream_seq);
	return client_answer(c, IPC_STREAM_DATA, text, (size_t)n);
}

static enum client_state perform(struct client *c, struct upstream *up,
				 const struct ipc_message *msg, const json_t *body)
{
	static const struct ipc_fault no_request = {
	    IPC_E_TYPE, "message type is an answer, not a request"};

	switch (msg->type) {
	case IPC_TASK_SUBMIT:
		return work(c, up, "gateway.submit", msg);
	case IPC_TASK_QUERY:
		return work(c, up, "gateway.query", msg);
	case IPC_TASK_CANCEL:
		return work(c, up, "gateway.cancel", msg);
	case IPC_STREAM_SUBSCRIBE:
		return subscribe(c, body);
	case IPC_PING:
		return client_answer(c, IPC_PONG, msg->payload, msg->payload_len);
	case IPC_CAPABILITIES:
		return client_answer(c, IPC_CAPABILITIES, capabilities,
				     strlen(capabilities));
	default:
		return dispatch_fault(c, IPC_RESPONSE_ERROR, &no_request);
	}
}

enum client_state dispatch(struct client *c, struct upstream *up,
			   const struct ipc_message *msg)
{
	static const struct ipc_fault not_json = {IPC_E_PAYLOAD, "payload is not JSON"};
	enum client_state state;
	json_error_t error;
	json_t *body = NULL;

	if (msg->payload_len > 0) {
		body = json_parse(msg->payload, msg->payload_len, &error);
		if (!body)
			return dispatch_fault(c,
					      msg->type == IPC_STREAM_SUBSCRIBE
						  ? IPC_STREAM_ERROR
						  : IPC_RESPONSE_ERROR,
					      &not_json);
	}
	state = perform(c, up, msg, body);
	json_decref(body);
	return state;
}
