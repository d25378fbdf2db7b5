// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <stddef.h>
#include <stdint.h>

// utf8_length is how many bytes the character at p has, 0 when it is none.
static size_t utf8_length(const unsigned char *p, const unsigned char *end)
{
	unsigned char first = *p;
	uint32_t value, least;
	size_t n;

	if (first >= 0xC2 && first <= 0xDF)
		n = 2, value = first & 0x1F, least = 0x80;
	else if (first >= 0xE0 && first <= 0xEF)
		n = 3, value = first & 0x0F, least = 0x800;
	else if (first >= 0xF0 && first <= 0xF4)
		n = 4, value = first & 0x07, least = 0x10000;
	else
		return 0;
	if ((size_t)(end - p) < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		value = value << 6 | (p[i] & 0x3F);
	}
	if (value < least || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
		return 0;
	return n;
}

// hex reads the four digits of an escape, or returns -1.
static int32_t hex(const unsigned char *p, const unsigned char *end)
{
	int32_t value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = p[i];

		if (c >= '0' && c <= '9')
			c -= '0';
		else if (c >= 'a' && c <= 'f')
			c -= 'a' - 10;
		else if (c >= 'A' && c <= 'F')
			c -= 'A' - 10;
		else
			return -1;
		value = value << 4 | c;
	}
	return value;
}

// unicode takes the rest of an escape whose "\u" is taken: one half, or both of a pair.
static int32_t unicode(const unsigned char **at, const unsigned char *end)
{
	int32_t value = hex(*at, end), low;

	if (value < 0)
		return -1;
	*at += 4;
	if (value < 0xD800 || value > 0xDFFF)
		return value;
	if (value > 0xDBFF || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return -1;
	low = hex(*at + 2, end);
	if (low < 0xDC00 || low > 0xDFFF)
		return -1;
	*at += 6;
	return 0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00);
}

// escaped takes an escape whose backslash is taken, and returns its character.
static int32_t escaped(const unsigned char **at, const unsigned char *end)
{
	if (*at == end)
		return -1;
	switch (*(*at)++) {
	case '"':
		return '"';
	case '\\':
		return '\\';
	case '/':
		return '/';
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'u':
		return unicode(at, end);
	}
	return -1;
}

bool json_string(const unsigned char **at, const unsigned char *end, const char *name,
		 bool nul, bool *matched)
{
	const unsigned char *p = *at + 1;
	bool same = name != NULL;

	*matched = false;
	for (;;) {
		int32_t c;

		if (p == end || *p < 0x20)
			return false;
		if (*p == '"')
			break;
		if (*p == '\\') {
			p++;
			c = escaped(&p, end);
			if (c < 0 || (c == 0 && !nul))
				return false;
		} else if (*p < 0x80) {
			c = *p++;
		} else {
			size_t n = utf8_length(p, end);

			if (n == 0)
				return false;
			c = 0x80; // no name holds such a character
			p += n;
		}
		same = same && *name != '\0' && c == (unsigned char)*name;
		name += same;
	}
	*at = p + 1;
	*matched = same && *name == '\0';
	return true;
}
