// SPDX-License-Identifier: Apache-2.0
// Numbers of JSON, judged where they lie.
#ifndef NUMBER_H
#define NUMBER_H

#include <stdbool.h>
#include <stdint.h>

// json_number takes a number at *at and says whether it is one that int64, or with a
// fraction or exponent a double, can hold. *integer tells which; value is set then.
bool json_number(const unsigned char **at, const unsigned char *end, bool *integer,
		 int64_t *value);

#endif
