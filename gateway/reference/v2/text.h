// SPDX-License-Identifier: Apache-2.0
// Strings of JSON, judged where they lie.
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>

// json_string takes a string at *at, its quotes included, and says whether it is one.
// With a name, *matched says whether the string is it once its escapes are read. nul
// allows the escape of the character 0.
bool json_string(const unsigned char **at, const unsigned char *end, const char *name,
		 bool nul, bool *matched);

#endif
