// SPDX-License-Identifier: Apache-2.0
/* A library that peer.c loads when it has run for a while, or again and again. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

volatile unsigned long library_sink;

__attribute__((noinline)) unsigned long library_leaf(unsigned long n)
{
	for (int i = 0; i < 20000; i++)
		n = n * 2862933555777941757UL + 3037000493UL;
	return n;
}

__attribute__((noinline)) unsigned long library_middle(unsigned long n)
{
	unsigned long a = library_leaf(n), b = library_leaf(a);

	return a ^ b ^ n;
}

void library_work(void)
{
	library_sink += library_middle(library_sink);
}

/* Each is looked up by the linker when it is called first. */
void library_resolve(void)
{
	static char text[64] = "some text";

	library_sink +=
	    (unsigned long)(strlen(text + (library_sink & 1)) + (size_t)getpid());
	library_sink += (unsigned long)(getuid() + geteuid() + getgid() + getegid());
	library_sink +=
	    (unsigned long)(abs((int)library_sink) + atoi(text) + strcasecmp(text, "x"));
	library_sink +=
	    (unsigned long)(strcspn(text, "e") + strspn(text, "so") + (size_t)getppid());
	library_sink +=
	    (unsigned long)(labs((long)library_sink) + tolower((int)text[0]) + rand());
}
