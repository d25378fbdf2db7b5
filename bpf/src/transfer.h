/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The plain calls that send or read on one descriptor, once.
 */
#ifndef IPCPROBE_TRANSFER_H
#define IPCPROBE_TRANSFER_H

#include "kernel.h"

#if defined(__TARGET_ARCH_x86)
#define CALL_READ     0
#define CALL_WRITE    1
#define CALL_READV    19
#define CALL_WRITEV   20
#define CALL_SENDTO   44
#define CALL_RECVFROM 45
#define CALL_SENDMSG  46
#define CALL_RECVMSG  47
#else /* include/uapi/asm-generic/unistd.h */
#define CALL_READ     63
#define CALL_WRITE    64
#define CALL_READV    65
#define CALL_WRITEV   66
#define CALL_SENDTO   206
#define CALL_RECVFROM 207
#define CALL_SENDMSG  211
#define CALL_RECVMSG  212
#endif

static __always_inline int sends(__u32 call)
{
	return call == CALL_WRITE || call == CALL_WRITEV || call == CALL_SENDTO ||
	       call == CALL_SENDMSG;
}

static __always_inline int receives(__u32 call)
{
	return call == CALL_READ || call == CALL_READV || call == CALL_RECVFROM ||
	       call == CALL_RECVMSG;
}

#endif
