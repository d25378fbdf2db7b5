// SPDX-License-Identifier: Apache-2.0
// The payload as JSON, judged where it lies.
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A member of the outermost object, by its name; the last of several counts.
struct json_member {
	const char *name;
	bool found;
	bool integer;  // it is one, and value holds it
	int64_t value; // within int64
};

// json_parse says whether the payload is one JSON value and nothing else, by the rules of
// jansson's JSON_DECODE_ANY: valid UTF-8, no number beyond int64 or double, values nested
// at most 2048 deep. It fills in member, unless that is NULL. Nothing is allocated.
bool json_parse(const char *payload, size_t len, struct json_member *member);

#endif
