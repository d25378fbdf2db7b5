// SPDX-License-Identifier: Apache-2.0

// Command ipcgateway runs the reference gateway on a bare machine: a NATS server
// as a library on a free loopback port, a worker that answers the tasks, and the
// gateway itself, a C program found beside this one (ipc-gateway-v1,
// or ipc-gateway-v2, the build that copies nothing).
//
//	ipcgateway --socket PATH [--build v1|v2] [--no-nats] [--nats-delay D]
//
// The gateway is the process to measure; its number stands in the line that
// standard output begins with, once the socket accepts:
//
//	ready pid=4711 socket=/tmp/gateway.sock nats=nats://127.0.0.1:40001
//
// (nats=none with --no-nats). SIGUSR1 takes the NATS server away, and the next one
// brings it back on the same port. SIGTERM and SIGINT are passed on; when the gateway
// has ended, a last line says how many requests it published, how many of them
// reached the worker through NATS, and how many the worker answered:
//
//	done published=1000 received=1000 answered=1000
//
// Both lines are said in words on standard error. The exit code is the
// gateway's; 1 also when a request it published never reached the worker, 2 when
// something could not start. Whichever of the two processes dies takes the other
// with it.
package main
