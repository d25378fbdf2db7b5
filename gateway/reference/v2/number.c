// SPDX-License-Identifier: Apache-2.0
#include "number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// The most digits that decide whether a number rounds to one that a double holds.
enum { DIGITS = 320 };

static bool digit(const unsigned char *p, const unsigned char *end)
{
	return p < end && *p >= '0' && *p <= '9';
}

// whole reads an integer's digits, false when int64 can't hold them.
static bool whole(const unsigned char *p, const unsigned char *end, bool negative,
		  int64_t *value)
{
	uint64_t limit = negative ? UINT64_C(1) << 63 : INT64_MAX;
	uint64_t sum = 0;

	for (; p < end; p++) {
		unsigned int d = *p - '0';

		if (sum > (limit - d) / 10)
			return false;
		sum = 10 * sum + d;
	}
	*value = (int64_t)(negative ? 0 - sum : sum);
	return true;
}

// finite says whether digits with the point after the first "before" of them, times ten
// to the exponent, are within a double's range. All digits are ASCII; others are passed
// over.
static bool finite_real(const unsigned char *p, const unsigned char *end, long exponent)
{
	char text[DIGITS + 32];
	unsigned int kept = 0;
	bool point = false, rest = false;
	long magnitude = 0;

	for (; p < end; p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (kept == 0 && *p == '0') {
			magnitude -= point;
			continue;
		}
		magnitude += !point;
		if (kept < DIGITS)
			text[kept++] = (char)*p;
		else
			rest = rest || *p != '0';
	}
	if (kept == 0)
		return true;
	// The value is 0.DIGITS times ten to this.
	magnitude += exponent;
	if (magnitude != 309)
		return magnitude < 309;
	if (rest)
		text[kept++] = '1';
	snprintf(text + kept, sizeof(text) - kept, "e%ld", 309 - (long)kept);
	return !isinf(strtod(text, NULL));
}

bool json_number(const unsigned char **at, const unsigned char *end, bool *integer,
		 int64_t *value)
{
	enum { EXPONENT_MAX = 100000000 };
	const unsigned char *p = *at, *first, *mantissa_end;
	bool negative = p < end && *p == '-', real = false, minus;
	long exponent = 0;

	*integer = false;
	p += negative;
	first = p;
	if (!digit(p, end))
		return false;
	if (*p == '0')
		p++;
	else
		while (digit(p, end))
			p++;
	if (digit(p, end))
		return false;
	mantissa_end = p;
	if (p < end && *p == '.') {
		real = true;
		p++;
		if (!digit(p, end))
			return false;
		while (digit(p, end))
			p++;
		mantissa_end = p;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		real = true;
		p++;
		minus = p < end && *p == '-';
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		if (!digit(p, end))
			return false;
		for (; digit(p, end); p++)
			if (exponent < EXPONENT_MAX)
				exponent = 10 * exponent + (*p - '0');
		if (minus)
			exponent = -exponent;
	}
	*at = p;
	if (real)
		return finite_real(first, mantissa_end, exponent);
	*integer = true;
	return whole(first, p, negative, value);
}
