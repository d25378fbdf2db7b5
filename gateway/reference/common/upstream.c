// SPDX-License-Identifier: Apache-2.0
#include "upstream.h"

int upstream_open(struct upstream *up, const char *url, bool asap, const char **why)
{
	natsStatus s;

	s = natsOptions_Create(&up->options);
	if (s == NATS_OK)
		s = natsOptions_SetURL(up->options, url);
	if (s == NATS_OK)
		s = natsOptions_SetName(up->options, "ipc-gateway");
	if (s == NATS_OK)
		s = natsOptions_SetTimeout(up->options, up->timeout_ms);
	if (s == NATS_OK)
		s = natsOptions_SetSendAsap(up->options, asap);
	if (s == NATS_OK)
		s = natsConnection_Connect(&up->conn, up->options);
	if (s == NATS_OK)
		return 0;
	*why = natsStatus_GetText(s);
	return -1;
}

struct ipc_fault upstream_fault(natsStatus s)
{
	switch (s) {
	case NATS_TIMEOUT:
		return (struct ipc_fault){IPC_E_TIMEOUT, "no answer from NATS in time"};
	case NATS_CONNECTION_CLOSED:
	case NATS_CONNECTION_DISCONNECTED:
	case NATS_DRAINING:
		return (struct ipc_fault){IPC_E_CLOSED,
					  "the connection to NATS is closed"};
	case NATS_NO_RESPONDERS:
		return (struct ipc_fault){IPC_E_CLOSED, "no worker listens on NATS"};
	case NATS_MAX_PAYLOAD:
		return (struct ipc_fault){IPC_E_TOO_LARGE,
					  "payload above the limit of NATS"};
	default:
		return (struct ipc_fault){IPC_E_INTERNAL, natsStatus_GetText(s)};
	}
}

void upstream_close(struct upstream *up)
{
	if (!up->options)
		return;
	natsConnection_Destroy(up->conn);
	natsOptions_Destroy(up->options);
	up->conn = NULL;
	up->options = NULL;
	nats_CloseAndWait(0);
}
